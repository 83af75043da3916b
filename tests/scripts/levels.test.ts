import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { REPOSITORY } from '../docs/markdown.js';

const { scripts } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};
const ci = readFileSync(join(REPOSITORY, '.ci/run'), 'utf8');

describe('the levels of validation', () => {
  test.each(['check', 'test', 'test:integration', 'smoke', 'test:perf'])(
    '%s is one npm script, and everything that it names is there',
    (level) => {
      const script = scripts[level] ?? '';
      expect(script).not.toBe('');
      const named = [...script.matchAll(/npm run --silent ([\w:-]+)/g)].map(([, name]) => name as string);
      for (const name of named) expect(scripts).toHaveProperty([name]);
      const files = [...script.matchAll(/(?:node |-- |\s)((?:scripts|bench|tests)\/[\w./-]+)/g)];
      const missing = files
        .map(([, file]) => file as string)
        .filter((file) => !existsSync(join(REPOSITORY, file)));
      expect(missing).toEqual([]);
      expect(named.length + files.length + Number(level === 'test')).toBeGreaterThan(0);
    },
  );

  test('benchmarks have a baseline, and continuous integration runs several versions of Node.js', () => {
    expect(ci).toMatch(/^NEWER_NODES=\(22 24\)$/m);
    const baseline = JSON.parse(
      readFileSync(join(REPOSITORY, 'bench/effect/baseline.json'), 'utf8'),
    ) as object;
    expect(Object.keys(baseline)).toContain('execute() to the composition');
    for (const ratio of Object.values(baseline)) expect(ratio).toBeGreaterThan(0);
  });
});

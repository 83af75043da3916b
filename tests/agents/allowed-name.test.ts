import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { isAgentName } from '../../src/agents/agent-name.js';
import { allowedName, fileName } from '../../src/agents/allowed-name.js';

describe('allowedName', () => {
  test.each([
    ['code-reviewer', 'code-reviewer'],
    ['-_odd_-', '-_odd_-'],
    ['Brand Guardian', 'Brand-Guardian'],
    ['framework-4.8-expert', 'framework-4-8-expert'],
    ['C++ Expert', 'Cpp-Expert'],
    ['C# Expert', 'Csharp-Expert'],
    ['Café crème', 'Cafe-creme'],
    ['🎨 Painter!', 'Painter'],
    ['../a\n', 'a'],
    ['x'.repeat(200), 'x'.repeat(128)],
  ])('makes of %j the name %s', (written, name) => {
    expect(allowedName(written, '/agents/file.md')).toBe(name);
  });

  test.each(['设计者', '代码 reviewer', 'Größe', '???', '٣'])(
    'uses the name of the file where letters would be lost: %s',
    (written) => {
      expect(allowedName(written, '/agents/ui designer.md')).toBe('ui-designer');
    },
  );

  test('has a name for every agent, and different ones for different names', () => {
    const names = ['设计者', '测试者'].map((name) => allowedName(name, `/agents/${name}.md`));
    expect(new Set(names).size).toBe(2);
    for (const name of names) expect(name).toMatch(/^agent-[0-9a-f]{8}$/);
  });

  test('is always allowed, and stays the same when it is asked for again', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (written, file) => {
        const name = allowedName(written, `${file}.md`);
        expect(isAgentName(name)).toBe(true);
        expect(allowedName(name, `${file}.md`)).toBe(name);
      }),
    );
  });
});

describe('fileName', () => {
  test.each([
    ['/a/reviewer.md', 'reviewer'],
    ['/a/reviewer.agent.md', 'reviewer'],
    ['/a/planner.chatmode.md', 'planner'],
    ['/a/own.JSON', 'own'],
    ['/a/v1.2.md', 'v1.2'],
  ])('of %s is %s', (file, name) => {
    expect(fileName(file)).toBe(name);
  });
});

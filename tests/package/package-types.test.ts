import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { agentsOnly, agentsUsed } from '../../bench/types/fifty-agents.mjs';
import { outputOfTypeScript6 } from '../processes/compiler.js';
import { type Installation, installPackage } from './install-package.js';

let installed: Installation;

beforeAll(async () => {
  installed = await installPackage();
}, 60_000);

afterAll(async () => {
  await installed.remove();
});

const STRICT = ['--strict', '--noEmit', '--skipLibCheck', '--target', 'es2022', '--types', 'node'];

async function compile(name: string, text: string, ...options: string[]): Promise<string[]> {
  await writeFile(join(installed.folder, name), text);
  return outputOfTypeScript6(installed.folder, ...STRICT, ...options, name);
}

/** Uses every subpath; `data.stars` compiles only where the types were found. */
function user(): string {
  const subpaths = Object.keys(installed.manifest.exports).filter(
    (path) => path.startsWith('./') && path !== './package.json',
  );
  const imports = subpaths.map((path, index) => `import * as part${index} from 'tutti${path.slice(1)}';`);
  return `${imports.join('\n')}
    import { AsyncOrchestrator } from 'tutti';
    const orchestrator = new AsyncOrchestrator({
      agents: { rate: (task: string) => ({ output: task, data: { stars: task.length } }) },
    });
    orchestrator.execute('rate', 'x').then(({ data }) => data.stars.toFixed());
    // @ts-expect-error a misspelt name
    orchestrator.execute('rat', 'x');
    export const parts = [${subpaths.map((_path, index) => `Object.keys(part${index})`).join()}];`;
}

describe('the types of the packed package', () => {
  test('are found by the older way to resolve modules, subpaths included', async () => {
    const options = ['--module', 'commonjs', '--moduleResolution', 'node10', '--ignoreDeprecations', '6.0'];
    expect(await compile('old.ts', user(), ...options)).toEqual([]);
  });

  test('are found from a CommonJS file with module nodenext', async () => {
    expect(await compile('common.cts', user(), '--module', 'nodenext')).toEqual([]);
  });

  test('are found from a CommonJS file with module node16 by a dynamic import', async () => {
    const text = `export async function run(): Promise<string> {
      const { AsyncOrchestrator } = await import('tutti');
      const orchestrator = new AsyncOrchestrator({ agents: { echo: (task: string) => task } });
      return (await orchestrator.execute('echo', 'x')).output;
    }`;
    expect(await compile('dynamic.cts', text, '--module', 'node16')).toEqual([]);
    const [finding] = await compile('static.cts', user(), '--module', 'node16');
    expect(finding).toContain('TS1479');
  });

  test('name in typesVersions what exports name', () => {
    const { exports, typesVersions } = installed.manifest;
    const expected = Object.entries(exports).flatMap(([path, target]) =>
      path === '.' || typeof target === 'string' ? [] : [[path.slice(2), [target.types]]],
    );
    expect(typesVersions['*']).toEqual(Object.fromEntries(expected));
  });
});

describe('an orchestrator of 50 agents', () => {
  // How long it takes is measured by bench/types.mjs; the work is the same on every machine, busy or not.
  test('costs the compiler less than 20,000 instantiations and 6,000 types', async () => {
    const alone = await diagnosticsOf(agentsOnly);
    const used = await diagnosticsOf(agentsUsed);
    expect(used.instantiations - alone.instantiations).toBeLessThan(20_000);
    expect(used.types - alone.types).toBeLessThan(6_000);
  }, 120_000);
});

interface Diagnostics {
  types: number;
  instantiations: number;
}

async function diagnosticsOf(text: string): Promise<Diagnostics> {
  const lines = await compile('large.mts', text, '--module', 'nodenext', '--extendedDiagnostics');
  expect(lines.filter((line) => line.includes('error TS'))).toEqual([]);
  return { types: figure(lines, 'Types'), instantiations: figure(lines, 'Instantiations') };
}

function figure(lines: readonly string[], name: string): number {
  const line = lines.find((each) => each.startsWith(`${name}:`)) as string;
  return Number.parseFloat(line.split(':')[1] as string);
}

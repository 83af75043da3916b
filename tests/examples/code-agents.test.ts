import { describe, expect, test } from '@jest/globals';
import { contextFor, type ExampleAgent, loadExample } from './load-example.js';
import { withFolder } from './temporary-folder.js';

interface Measured {
  functions: Array<{ name: string; line: number; complexity: number }>;
  total: number;
  max: number;
}
interface Notes {
  todos: Array<{ kind: string; line: number; text: string; owner?: string }>;
}
interface Place {
  path: string;
  line: number;
}
interface Repeats {
  files: number;
  blocks: Array<{ lines: number; first: Place; second: Place }>;
}

const { complexity } = await loadExample<{ complexity: ExampleAgent<Measured> }>(
  'codebase-review/agents/complexity.mjs',
);
const { findTodos } = await loadExample<{ findTodos: ExampleAgent<Notes> }>(
  'codebase-review/agents/find-todos.mjs',
);
const { findDuplicatesIn } = await loadExample<{ findDuplicatesIn: (root: string) => ExampleAgent<Repeats> }>(
  'codebase-review/agents/find-duplicates.mjs',
);

async function measure(text: string, path = 'a.ts'): Promise<Record<string, number>> {
  const { data } = await complexity(text, contextFor({ path }));
  return Object.fromEntries(data.functions.map((one) => [one.name, one.complexity]));
}

describe('complexity', () => {
  test('counts one for a straight function and one more for each fork', async () => {
    expect(await measure('function a() { return 1; }')).toEqual({ a: 1 });
    const forks = `function b(x) {
      if (x && x.y) return x ?? 1;
      for (const z of x) { while (z) { do { x ||= 1; } while (x); } }
      switch (x) { case 1: case 2: break; default: }
      try { x(); } catch { return x ? 1 : 2; }
    }`;
    // if, &&, ??, for, while, do, ||=, case, case, catch, ?: and the way straight through.
    expect(await measure(forks)).toEqual({ b: 12 });
  });

  test('counts a function inside another for itself', async () => {
    const nested = 'function outer(x) { if (x) { const inner = () => (x ? 1 : x || 2); inner(); } }';
    expect(await measure(nested)).toEqual({ outer: 2, inner: 3 });
  });

  test('names methods by their class and callbacks by what they are handed to', async () => {
    const text = `class Box { constructor() {} get size() { return 1; } open = () => 1; }
      list.map((x) => x); export default function () {}`;
    const names = Object.keys(await measure(text));
    expect(names).toEqual(['Box.constructor', 'Box.size', 'Box.open', 'callback of map', '(anonymous)']);
  });

  test('measures plain JavaScript and TSX and says so when there is no function', async () => {
    expect(await measure('export const f = (x) => x && 1;', 'a.mjs')).toEqual({ f: 2 });
    expect(await measure('const g = (x: boolean) => <p>{x ? <b/> : null}</p>;', 'a.tsx')).toEqual({ g: 2 });
    const none = await complexity('export const one = 1;', contextFor({ path: 'a.ts' }));
    expect(none).toEqual({ output: 'No functions.', data: { functions: [], total: 0, max: 0 } });
  });

  test('lists the most complex functions first and still counts all', async () => {
    const many = Array.from({ length: 9 }, (_, n) => `const f${n} = (x) => ${'x && '.repeat(n)}1;`).join(
      '\n',
    );
    const { data } = await complexity(many, contextFor({ path: 'a.js' }));
    expect(data.total).toBe(9);
    expect(data.max).toBe(9);
    expect(data.functions.map(({ name }) => name)).toEqual(['f8', 'f7', 'f6', 'f5', 'f4']);
  });
});

describe('findTodos', () => {
  test('finds notes in comments with line and owner, and none in strings, templates or patterns', async () => {
    const source = [
      '// TODO(anna): mend this',
      'const text = "// TODO: in a string"; /* HACK here */',
      'const pattern = /\\/\\/ FIXME: in a pattern/;',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is source text for the agent
      'const template = `// TODO: in a template ${1 /* XXX: inside */}`;',
      '/**',
      ' * About something.',
      ' * FIXME - soon',
      ' */',
    ].join('\n');
    const { data } = await findTodos(source, contextFor({ path: 'a.ts' }));
    expect(data.todos).toEqual([
      { kind: 'TODO', line: 1, text: 'mend this', owner: 'anna' },
      { kind: 'HACK', line: 2, text: 'here' },
      { kind: 'XXX', line: 4, text: 'inside' },
      { kind: 'FIXME', line: 7, text: 'soon' },
    ]);
  });

  test('finds notes in a document but not in its code blocks or in passing', async () => {
    const document =
      'The TODO finder.\n\n- [ ] TODO: write it\n\n```ts\n// TODO: an example\n```\n\nFIXME: and this\n';
    const { data } = await findTodos(document, contextFor({ path: 'a.md' }));
    expect(data.todos).toEqual([
      { kind: 'TODO', line: 3, text: 'write it' },
      { kind: 'FIXME', line: 9, text: 'and this' },
    ]);
  });

  test('says so when nothing is left to do', async () => {
    const { output } = await findTodos('const done = true;', contextFor({ path: 'a.ts' }));
    expect(output).toBe('No open notes.');
  });
});

describe('findDuplicates', () => {
  const block = (from: number, lines: number): string =>
    Array.from({ length: lines }, (_, n) => `const line${from + n} = ${from + n};`).join('\n');

  async function duplicatesIn(files: Record<string, string>): Promise<Repeats> {
    return withFolder(files, async (root) => {
      const task = JSON.stringify({ files: Object.keys(files).map((path) => ({ path })) });
      return (await findDuplicatesIn(root)(task, contextFor({}))).data;
    });
  }

  test('finds a block that stands in two files, whatever its indentation and the blank lines in it', async () => {
    const copy = block(1, 10).replaceAll('\n', '\n\n   ');
    const { blocks } = await duplicatesIn({
      'a.ts': `// own words\n${block(1, 10)}\n// an end`,
      'b.ts': `${copy}\n// other`,
    });
    expect(blocks).toEqual([
      { lines: 10, first: { path: 'a.ts', line: 2 }, second: { path: 'b.ts', line: 1 } },
    ]);
  });

  test('finds a block that stands twice in one file', async () => {
    const { blocks } = await duplicatesIn({ 'a.ts': `${block(1, 8)}\n// between\n${block(1, 8)}` });
    expect(blocks).toEqual([
      { lines: 8, first: { path: 'a.ts', line: 1 }, second: { path: 'a.ts', line: 10 } },
    ]);
  });

  test('leaves short repeats, imports and bare brackets alone', async () => {
    const short = block(1, 7);
    const imports = Array.from({ length: 20 }, (_, n) => `import a${n} from 'a${n}';`).join('\n');
    const brackets = '}\n)\n];\n'.repeat(20);
    const text = `${imports}\n${short}\n${brackets}`;
    const { blocks, files } = await duplicatesIn({ 'a.ts': text, 'b.ts': text });
    expect(blocks).toEqual([]);
    expect(files).toBe(2);
  });

  test('lets no block reach from one file into the next', async () => {
    const { blocks } = await duplicatesIn({
      'a.ts': block(1, 5),
      'b.ts': block(6, 5),
      'c.ts': block(1, 5),
      'd.ts': block(6, 5),
    });
    expect(blocks).toEqual([]);
  });
});

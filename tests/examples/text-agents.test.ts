import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { contextFor, type ExampleAgent, loadExample } from './load-example.js';
import { withFolder } from './temporary-folder.js';

interface Readability {
  words: number;
  sentences: number;
  syllables?: number;
  score?: number;
  label?: string;
}
interface Links {
  local: number;
  web: number;
  broken: Array<{ line: number; target: string; problem: string }>;
}

const { summarize } = await loadExample<{
  summarize: ExampleAgent<{ title: string; kept: number; of: number }>;
}>('codebase-review/agents/summarize.mjs');
const { readability } = await loadExample<{ readability: ExampleAgent<Readability> }>(
  'codebase-review/agents/readability.mjs',
);
const { checkLinksIn } = await loadExample<{ checkLinksIn: (root: string) => ExampleAgent<Links> }>(
  'codebase-review/agents/check-links.mjs',
);
const { proofread } = await loadExample<{
  proofread: ExampleAgent<{ doubled: Array<{ word: string; line: number }> }>;
}>('codebase-review/agents/flaky-proofreader.mjs');
const { readSlowly } = await loadExample<{ readSlowly: ExampleAgent<never> }>(
  'codebase-review/agents/slow-reader.mjs',
);

describe('summarize', () => {
  const document = [
    '---\nauthor: nobody in particular at all\n---',
    '# Queues',
    'A queue holds calls until a permit is free. The weather was fine that day, as it happens.',
    '```\nA queue in a code block is never part of the queue prose.\n```',
    'Each queue gives its permit to the call that waited longest. Bananas are yellow because of carotenoids.',
    'Without a permit the queue keeps the call.',
  ].join('\n\n');

  test('keeps the sentences about what the document is about, in their order, and its title', async () => {
    const { output, data } = await summarize(document, contextFor({ path: 'queues.md' }));
    expect(output).toBe(
      'A queue holds calls until a permit is free. Without a permit the queue keeps the call.',
    );
    expect(data).toEqual({ title: 'Queues', kept: 2, of: 5 });
  });

  test('summarises the comments of a source file, with the names in them', async () => {
    const source =
      '// Takes a `permit` before\n// any work is done.\nconst noise = "This is a string of words.";';
    const { output, data } = await summarize(source, contextFor({ path: 'a.ts' }));
    expect(output).toBe('Takes a permit before any work is done.');
    expect(data).toEqual({ title: 'a.ts', kept: 1, of: 1 });
  });

  test('says so when there is no prose', async () => {
    const { output, data } = await summarize('const x = 1;', contextFor({ path: 'a.ts' }));
    expect(output).toMatch(/no prose/);
    expect(data.kept).toBe(0);
  });
});

describe('readability', () => {
  const easy =
    'The cat sat on the mat. The dog ran to the cat. It was a hot day and they all sat in the sun. ';
  const hard =
    'Organisational heterogeneity necessitates comprehensive interdepartmental communication methodologies. ';

  test('follows the formula', async () => {
    const { data } = await readability(easy.repeat(4), contextFor({ path: 'a.md' }));
    // 8 words a sentence, 1 syllable a word.
    expect(data.score).toBeCloseTo(206.835 - 1.015 * 8 - 84.6, 6);
  });

  test('tells easy prose from hard prose', async () => {
    const simple = await readability(easy.repeat(4), contextFor({ path: 'a.md' }));
    const complicated = await readability(hard.repeat(8), contextFor({ path: 'a.md' }));
    expect(simple.data).toMatchObject({ words: 96, sentences: 12, syllables: 96, label: 'very easy' });
    expect(complicated.data.label).toBe('very difficult');
    expect(complicated.output).toMatch(/^Flesch reading ease -?\d+\.\d \(very difficult\)\.$/);
  });

  test('leaves code, tables and headings out of the count', async () => {
    const around = `# ${hard}\n\n| ${hard} |\n| --- |\n| ${hard} |\n\n\`\`\`\n${hard}\n\`\`\`\n\n`;
    const { data } = await readability(around + easy.repeat(4), contextFor({ path: 'a.md' }));
    expect(data.words).toBe(96);
  });

  test('leaves commented-out code out of the count', async () => {
    const source = `/*\n${easy.repeat(4)}\n*/\n// const a = organisation(heterogeneity);\n// if (methodologies) {\n`;
    const { data } = await readability(source, contextFor({ path: 'a.ts' }));
    expect(data.words).toBe(96);
  });

  test('does not judge a few words', async () => {
    const { output, data } = await readability('Short.', contextFor({ path: 'a.md' }));
    expect(output).toBe('Too little prose to judge (words: 1).');
    expect(data.score).toBeUndefined();
  });
});

describe('checkLinks', () => {
  const check = (root: string, text: string, path = 'README.md'): Promise<{ output: string; data: Links }> =>
    checkLinksIn(root)(text, contextFor({ path }));

  test('accepts files, folders, headings, repeated headings and ids that are there', async () => {
    const guide = '# Guide\n\n## First `steps`\n\n## Twice\n\n## Twice\n\n<a id="here"></a>\n';
    await withFolder({ 'docs/guide.md': guide, 'my file.txt': '' }, async (root) => {
      const text = [
        '[a](docs/guide.md#first-steps) [b](docs/guide.md#twice-1) [c](docs/guide.md#here) [d](docs)',
        '[e](<my file.txt>) [f](/docs/guide.md) [g](#top) [h](docs/guide.md?plain=1)\n\n# Top',
      ].join('\n');
      const { output, data } = await check(root, text);
      expect(data).toEqual({ local: 8, web: 0, broken: [] });
      expect(output).toBe('Local links checked: 8, all good.');
    });
  });

  test('names file, heading and line of what is broken', async () => {
    await withFolder({ 'docs/guide.md': '# Guide' }, async (root) => {
      const text =
        'Read\n[a](docs/guide.md#end) and\n![b](b.png).\n\n<img src="c.png">\n\n[d][ref]\n\n[ref]: d.md';
      const { data } = await check(root, text);
      expect(data.broken).toEqual([
        { line: 2, target: 'docs/guide.md#end', problem: 'no such heading' },
        { line: 3, target: 'b.png', problem: 'no such file' },
        { line: 5, target: 'c.png', problem: 'no such file' },
        { line: 7, target: 'd.md', problem: 'no such file' },
      ]);
    });
  });

  test('reads paths from where the document stands', async () => {
    await withFolder({ 'README.md': '# Hello', 'docs/a.md': '' }, async (root) => {
      const { data } = await check(root, '[up](../README.md#hello) [beside](a.md)', 'docs/b.md');
      expect(data.broken).toEqual([]);
    });
  });

  test('leaves the web alone and looks at nothing outside the folder', async () => {
    await withFolder({ 'inner/a.md': '', 'secret.md': '# Secret' }, async (root) => {
      const inner = join(root, 'inner');
      await symlink(join(root, 'secret.md'), join(inner, 'way-out.md'));
      const { data } = await check(
        inner,
        '[w](https://example.org) [m](mailto:a@b.c) [p](//x.y) [s](../secret.md) [l](way-out.md#secret)',
      );
      expect(data).toMatchObject({ local: 2, web: 3 });
      expect(data.broken.map(({ problem }) => problem)).toEqual([
        'leads out of the folder',
        'leads out of the folder',
      ]);
    });
  });

  test('does not take an example in code for a link', async () => {
    await withFolder({}, async (root) => {
      const { data } = await check(root, '`[a](gone.md)`\n\n```\n[b](gone.md)\n```');
      expect(data.local).toBe(0);
    });
  });

  test('survives a link that cannot be decoded', async () => {
    await withFolder({}, async (root) => {
      await writeFile(join(root, '100%.md'), '');
      const { data } = await check(root, '<a href="100%.md">x</a>');
      expect(data.broken).toEqual([]);
    });
  });
});

describe('proofread', () => {
  test('fails its first attempt with a status that is retried', async () => {
    await expect(proofread('text', contextFor({ path: 'a.md' }, 1))).rejects.toMatchObject({ status: 503 });
  });

  test('finds doubled words on its second attempt, and takes neither names nor "had had" for one', async () => {
    const text = 'Mind the the gap.\n\nHe had had `a` `a` lot, on on-site work. Äh äh!';
    const { data } = await proofread(text, contextFor({ path: 'a.md' }, 2));
    expect(data.doubled).toEqual([
      { word: 'the', line: 1 },
      { word: 'äh', line: 3 },
    ]);
  });
});

describe('readSlowly', () => {
  test('stops waiting the moment its signal is aborted', async () => {
    const controller = new AbortController();
    const reading = readSlowly('word', { ...contextFor({}), signal: controller.signal });
    controller.abort();
    await expect(reading).rejects.toMatchObject({ name: 'AbortError' });
  });
});

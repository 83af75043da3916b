import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import ts from 'typescript';
import { EVENT_NAMES } from '../../src/contracts/events.js';
import { REPOSITORY, readDocument, sectionOf, tableRows } from './markdown.js';

const page = readDocument('docs/architecture.md');

/** The paths of this repository that a text names. */
function pathsIn(markdown: string): string[] {
  const folders = /(?<![\w/.-])(?:src|tests|docs|bench|scripts|examples)\/[\w./-]*\w\/?/g;
  const files = /(?<=`)(?:package\.json|CHANGELOG\.md|README\.md|\.dependency-cruiser\.cjs)(?=`)/g;
  // A link is relative to the page; what it leads to is checked with all links.
  const text = markdown.replace(/\]\([^)]*\)/g, ']');
  return [...text.matchAll(folders), ...text.matchAll(files)].map(([path]) => path);
}

const sources = readdirSync(join(REPOSITORY, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => `src/${name}`);

/** The names and strings in a source file, without its comments. */
function wordsOf(path: string): ReadonlySet<string> {
  const words = new Set<string>();
  const collect = (node: ts.Node): void => {
    if (ts.isIdentifier(node) || ts.isStringLiteralLike(node)) words.add(node.text);
    ts.forEachChild(node, collect);
  };
  collect(ts.createSourceFile(path, readFileSync(join(REPOSITORY, path), 'utf8'), ts.ScriptTarget.ES2022));
  return words;
}

const wordsBySource = new Map(sources.map((path) => [path, wordsOf(path)]));

/** The source files that contain all of these words, in places where the pattern matches. */
function sourcesWith(words: readonly string[], where = /^src\/(?!testing\/)/): string[] {
  return sources.filter(
    (path) => where.test(path) && words.every((word) => wordsBySource.get(path)?.has(word)),
  );
}

/** The source files that contain at least one of these words. */
function sourcesWithAny(words: readonly string[], where?: RegExp): string[] {
  return [...new Set(words.flatMap((word) => sourcesWith([word], where)))];
}

// What an existing thing of the kind needed shows what the next one needs.
const REQUIRED: ReadonlyArray<readonly [recipe: string, atLeast: number, required: () => string[]]> = [
  [
    'A Gemini provider',
    3,
    () =>
      sourcesWithAny(
        ['anthropic', 'ANTHROPIC', 'max_tokens', 'overloaded_error'],
        /^src\/(?!testing\/|providers\/(anthropic|openai|ai-sdk)\/)/,
      ),
  ],
  ['An eviction policy', 3, () => sourcesWith(['cost-aware'], /^src\//)],
  // Telemetry listens to some events; a new one needs nothing there.
  ['An event', 6, () => sourcesWithAny(EVENT_NAMES, /^src\/(?!testing\/|telemetry\/)/)],
  [
    'A per-call option',
    10,
    () => [
      // An option that call, agent, agent file and orchestrator all have, where it is declared, checked and combined.
      ...sourcesWith(
        ['maxRetries'],
        /^src\/(agents|contracts|orchestrator|calls\/admission|calls\/call-settings|providers\/[^/]+$)/,
      ),
      // Where a call's identity is made.
      ...sourcesWith(['agent', 'definition', 'task', 'params', 'model', 'tenant']),
    ],
  ],
  ['A cache tier', 7, () => [...sourcesWith(['redis']), ...sourcesWith(['DiskTier'], /^src\/cache\/[^/]+$/)]],
];

describe('docs/architecture.md', () => {
  test('names only files and folders that exist', () => {
    const paths = pathsIn(page);
    expect(paths.length).toBeGreaterThan(60);
    expect(paths.filter((path) => !existsSync(join(REPOSITORY, path)))).toEqual([]);
  });

  test('lists every room of the source, and no other', () => {
    const rooms = readdirSync(join(REPOSITORY, 'src'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
    const listed = tableRows(page, 'The floors').map(([room]) => room?.replaceAll('`', ''));
    expect(listed.sort()).toEqual(rooms.sort());
    const [picture = ''] = /```mermaid[\s\S]*?```/.exec(sectionOf(page, 'The floors')) ?? [];
    for (const room of rooms) expect(picture).toMatch(new RegExp(`\\b${room}\\b`));
  });

  test('says for nine kinds of change where they go', () => {
    const kinds = tableRows(page, 'You add … it goes to …').map(([kind]) => kind?.replace(/^an? /, ''));
    expect(kinds.sort()).toEqual(
      [
        ...['cache tier', 'command', 'endpoint', 'error', 'event', 'eviction policy'],
        ...['per-call option', 'protection', 'provider'],
      ].sort(),
    );
  });

  test.each(REQUIRED)(
    'names under "%s" every source file that has to change',
    (recipe, atLeast, required) => {
      const files = required();
      // Were the words of the search renamed, nothing would be found and nothing be compared.
      expect(files.length).toBeGreaterThanOrEqual(atLeast);
      const named = new Set(pathsIn(sectionOf(page, recipe)));
      expect(files.filter((path) => !named.has(path))).toEqual([]);
    },
  );

  test('names under each exit of a call only errors that exist', async () => {
    const errors: Record<string, unknown> = await import('../../src/index.js');
    const named = tableRows(page, 'The life of one call').flatMap(([, , exits]) => [
      ...(exits ?? '').matchAll(/`(\w+Error)`/g),
    ]);
    expect(named.length).toBeGreaterThan(10);
    for (const [, name = ''] of named) expect(errors[name]).toBeInstanceOf(Function);
  });
});

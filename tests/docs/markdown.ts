import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's folder. */
export const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));

/** A fenced block of code. */
export interface CodeBlock {
  /** The word after the fence. */
  language: string;
  code: string;
  /** Line of its first line of code, from 1. */
  line: number;
}

/** Every document that people read: those at the top and those in `docs/`, without the generated reference. */
export function documents(): string[] {
  // The demo's report is no document of ours.
  const top = readdirSync(REPOSITORY).filter((name) => name.endsWith('.md') && name !== 'tutti-report.md');
  const docs = readdirSync(join(REPOSITORY, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md') && !name.startsWith('api/'))
    .map((name) => join('docs', name));
  const others = ['bench/README.md', 'examples/README.md'].filter((name) => exists(name));
  return [...top, ...docs, ...others].sort();
}

/** A document's text. */
export function readDocument(path: string): string {
  return readFileSync(join(REPOSITORY, path), 'utf8');
}

/** The fenced blocks in these languages, in order. */
export function codeBlocks(markdown: string, languages: readonly string[]): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  for (const match of markdown.matchAll(/^```(\w+)[^\n]*\n([\s\S]*?)^```$/gm)) {
    const [, language = '', code = ''] = match;
    const line = markdown.slice(0, match.index).split('\n').length + 1;
    if (languages.includes(language)) blocks.push({ language, code, line });
  }
  return blocks;
}

/** The rows of the tables under a heading, cell by cell, without heads and rules. */
export function tableRows(markdown: string, heading: string): string[][] {
  const section = sectionOf(markdown, heading);
  const isTable = (line: string): boolean => line.startsWith('|');
  const lines = section.split('\n');
  return lines
    .filter((line, index) => isTable(line) && isTable(lines[index - 1] ?? '') && !/^[|\s:-]+$/.test(line))
    .map((line) =>
      line
        .slice(1, line.lastIndexOf('|'))
        .split('|')
        .map((cell) => cell.trim()),
    );
}

/** The first piece of a cell that is set as code. */
export function codeIn(cell: string | undefined): string {
  return /`([^`]+)`/.exec(cell ?? '')?.[1] ?? '';
}

/** Targets of the links in a document. */
export function links(markdown: string): string[] {
  const prose = markdown.replace(/^```[\s\S]*?^```$/gm, '');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target as string);
}

/** The text from a heading to the next one of its level or above. */
export function sectionOf(markdown: string, heading: string): string {
  const start = markdown.split('\n').findIndex((line) => line.replace(/^#+ /, '') === heading);
  if (start < 0) throw new Error(`no heading "${heading}"`);
  const lines = markdown.split('\n').slice(start);
  const level = /^#+/.exec(lines[0] as string)?.[0].length as number;
  const end = lines.findIndex((line, index) => index > 0 && /^#+ /.test(line) && line.indexOf(' ') <= level);
  return lines.slice(0, end < 0 ? undefined : end).join('\n');
}

function exists(path: string): boolean {
  const [folder = '', name = ''] = path.split('/');
  return readdirSync(join(REPOSITORY, folder), { withFileTypes: true }).some((entry) => entry.name === name);
}

import { proseOf } from '../text/prose.mjs';
import { giveWay } from './give-way.mjs';

// "On on-site work", "had had" and "that that" can be right.
const DOUBLED = /(?<![\p{L}\p{N}_])(?!(?:had|that)\s)(\p{L}+)\s+\1(?![\p{L}\p{N}_-])/giu;

/**
 * Finds words that stand twice in a row by mistake, once it is up: its first attempt at every task fails like an
 * overloaded server, there on purpose, so that the table shows a retry. An error with `status: 503` is retried.
 */
export async function proofread(task, { attempt, params }) {
  await giveWay();
  if (attempt === 1) throw Object.assign(new Error('Service unavailable'), { status: 503 });
  const paragraphs = await proseOf(task, params.path, { codeAs: '…' });
  const doubled = paragraphs.flatMap(({ text, line }) =>
    Array.from(text.matchAll(DOUBLED), ([, word]) => ({ word: word.toLowerCase(), line })),
  );
  const output = doubled.map(({ word, line }) => `near line ${line}: "${word} ${word}"`).join('\n');
  return { output: output || 'No doubled words.', data: { doubled } };
}

import { setTimeout as sleep } from 'node:timers/promises';
import { wordsOf } from '../text/prose.mjs';

const WORDS_PER_MINUTE = 240;
const SETTLING_IN_MS = 60_000;

/**
 * Reads at the pace of a person who first makes tea, which is far beyond its timeout: there on purpose, so that the
 * table shows a timeout. It hands its signal to what it waits for, and so stops the moment it is timed out.
 */
export async function readSlowly(task, { signal }) {
  const words = wordsOf(task).length;
  await sleep(SETTLING_IN_MS + (words / WORDS_PER_MINUTE) * 60_000, undefined, { signal });
  return `Read ${words} words.`;
}

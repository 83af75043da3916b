import { syllable } from 'syllable';
import { proseOf, sentencesOf, wordsOf } from '../text/prose.mjs';
import { giveWay } from './give-way.mjs';

// Below this the formula says more about chance than about the text.
const LEAST_WORDS = 50;

const LABELS = [
  [90, 'very easy'],
  [70, 'easy'],
  [60, 'plain'],
  [50, 'fairly difficult'],
  [30, 'difficult'],
  [Number.NEGATIVE_INFINITY, 'very difficult'],
];

/** Flesch reading ease of a document's prose or a source file's comments: 100 is easy, 0 takes a lawyer. */
export async function readability(task, { params }) {
  await giveWay();
  const paragraphs = await proseOf(task, params.path, { codeAs: 'code' });
  const sentences = paragraphs.flatMap(({ text }) => sentencesOf(text));
  const words = sentences.flatMap((sentence) => wordsOf(sentence)).filter((word) => /\p{L}/u.test(word));
  const counts = { words: words.length, sentences: sentences.length };
  if (words.length < LEAST_WORDS) {
    return { output: `Too little prose to judge (words: ${words.length}).`, data: counts };
  }
  const syllables = words.reduce((total, word) => total + Math.max(1, syllable(word)), 0);
  const score = fleschReadingEase({ ...counts, syllables });
  const label = LABELS.find(([from]) => score >= from)[1];
  return {
    output: `Flesch reading ease ${score.toFixed(1)} (${label}).`,
    data: { ...counts, syllables, score, label },
  };
}

/** Rudolf Flesch's formula of 1948. */
function fleschReadingEase({ words, sentences, syllables }) {
  return 206.835 - 1.015 * (words / sentences) - 84.6 * (syllables / words);
}

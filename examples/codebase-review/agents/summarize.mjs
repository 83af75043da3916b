import { parseMarkdown } from '../text/markdown.mjs';
import { isMarkdown, proseOf, sentencesOf, titleOf, wordsOf } from '../text/prose.mjs';
import { giveWay } from './give-way.mjs';

const SENTENCES_KEPT = 2;
const STOP_WORDS = new Set(
  (
    'a about after all also an and any are as at be been before but by can code could do does each every for from ' +
    'given had has have if in into is it its itself may more must no not of on once one only or other our out over ' +
    'own same so some such than that the their them then there these they this those to two under up used was were ' +
    'what when where which while who why will with would you your'
  ).split(' '),
);

/**
 * Extractive summary: picks the sentences whose words the document uses most, and gives them in the
 * order of the document. Works on Markdown and on the comments of source files.
 */
export async function summarize(task, { params }) {
  await giveWay();
  const paragraphs = await proseOf(task, params.path);
  const sentences = paragraphs.flatMap(({ text }) => sentencesOf(text));
  const title = (isMarkdown(params.path) ? titleOf(parseMarkdown(task)) : undefined) ?? params.path;
  const picked = pickSentences(sentences.filter(isTellingLength), SENTENCES_KEPT);
  const output = picked.join(' ') || 'Nothing to summarise: no prose.';
  return { output, data: { title, kept: picked.length, of: sentences.length } };
}

// Too short says nothing, too long is a list in disguise.
function isTellingLength(sentence) {
  const words = wordsOf(sentence).length;
  return words >= 5 && words <= 45;
}

function pickSentences(sentences, count) {
  const candidates = sentences.map((sentence, order) => ({ sentence, order, words: contentWords(sentence) }));
  const weights = wordWeights(candidates);
  const picked = [];
  while (picked.length < count && candidates.length > 0) {
    const best = indexOfBest(candidates, weights);
    const [choice] = candidates.splice(best, 1);
    picked.push(choice);
    // What has been said once weighs less: the next sentence should add something.
    for (const word of new Set(choice.words)) weights.set(word, weights.get(word) / 2);
  }
  return picked.sort((a, b) => a.order - b.order).map(({ sentence }) => sentence);
}

const contentWords = (sentence) =>
  wordsOf(sentence.toLowerCase()).filter((word) => word.length > 1 && !STOP_WORDS.has(word));

function wordWeights(candidates) {
  const counts = new Map();
  let total = 0;
  for (const word of candidates.flatMap(({ words }) => words)) {
    counts.set(word, (counts.get(word) ?? 0) + 1);
    total++;
  }
  return new Map([...counts].map(([word, times]) => [word, times / total]));
}

function indexOfBest(candidates, weights) {
  let best = 0;
  let bestScore = -1;
  for (const [index, { words }] of candidates.entries()) {
    const sum = words.reduce((total, word) => total + weights.get(word), 0);
    const score = words.length === 0 ? 0 : sum / words.length;
    if (score > bestScore) [best, bestScore] = [index, score];
  }
  return best;
}

import leven from 'leven';

/** Names compared before giving up: a suggestion is a courtesy and must not cost more than the work. */
const MAX_CANDIDATES = 1_000;

/** The known name that differs least from `name`; `undefined` when none is close enough to be a slip of the pen. */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  let nearest: string | undefined;
  // More than a third of the letters wrong is another word.
  let leastEdits = Math.max(2, Math.floor(name.length / 3)) + 1;
  let compared = 0;
  for (const candidate of known) {
    compared += 1;
    if (compared > MAX_CANDIDATES) break;
    const edits = leven(name.toLowerCase(), candidate.toLowerCase(), { maxDistance: leastEdits });
    if (edits < leastEdits) {
      leastEdits = edits;
      nearest = candidate;
    }
  }
  return nearest;
}

import leven from 'leven';

/** Most names that are compared: a suggestion must not take longer than the work. */
const MAX_CANDIDATES = 1_000;

/** The known name that is closest to `name`; `undefined` if none is close enough for a typing error. */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  let nearest: string | undefined;
  // With more than a third of the letters different, it is another word.
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

/**
 * The longest answer, in tokens, that the parameters ask for: the largest of those named; `undefined` if none of
 * them is a number above 0.
 */
export function longestAnswer(
  params: Readonly<Record<string, unknown>>,
  names: readonly string[],
): number | undefined {
  let longest = 0;
  for (const name of names) {
    const tokens = params[name];
    if (typeof tokens === 'number' && tokens > longest) longest = tokens;
  }
  return longest === 0 ? undefined : longest;
}

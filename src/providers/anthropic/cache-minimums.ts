/**
 * The shortest prompt that a model keeps in its prompt cache, in tokens, as of 2026-10-08. A shorter one is answered
 * without caching. From https://platform.claude.com/docs/en/build-with-claude/prompt-caching, "Cache limitations"; those
 * of models that are no longer listed there are from earlier versions of that page.
 */
const MINIMUMS: Readonly<Record<string, number>> = {
  'claude-fable-5-1': 512,
  'claude-fable-5': 512,
  'claude-mythos-5-1': 512,
  'claude-mythos-5': 512,
  'claude-opus-5-5': 512,
  'claude-opus-5': 512,
  'claude-opus-4-8': 1_024,
  'claude-opus-4-7': 2_048,
  'claude-opus-4-6': 4_096,
  'claude-opus-4-5': 4_096,
  'claude-opus-4-1': 1_024,
  'claude-opus-4': 1_024,
  'claude-sonnet-5-5': 512,
  'claude-sonnet-5': 1_024,
  'claude-sonnet-4-6': 1_024,
  'claude-sonnet-4-5': 1_024,
  'claude-sonnet-4': 1_024,
  'claude-3-7-sonnet': 1_024,
  'claude-haiku-5-5': 512,
  'claude-haiku-4-5': 4_096,
  'claude-3-5-haiku': 2_048,
  'claude-3-haiku': 2_048,
};

/** For models that are not in the table: the largest of all. */
const UNKNOWN_MODEL_MINIMUM = 4_096;

/** Before it the name of a gateway, a region or a platform; after it a date or a revision. */
const MODEL_NAME = /claude-(?:[a-z]+-\d{1,2}|\d{1,2}(?:-\d{1,2})?-[a-z]+)(?:-\d{1,2}(?!\d))?/;

/** The shortest prompt that the model caches, in tokens, by its name on any platform. */
export function minimumCachedTokens(model: string): number {
  const [found = ''] = MODEL_NAME.exec(model.replace(/(\d)\.(?=\d)/g, '$1-')) ?? [];
  const name = found.replace(/-0$/, '');
  return Object.hasOwn(MINIMUMS, name) ? (MINIMUMS[name] as number) : UNKNOWN_MODEL_MINIMUM;
}

import { type Usage, usageFromCounts } from '../../contracts/usage.js';

/** The shortest prompt that is cached, in tokens. */
export const MINIMUM_CACHED_TOKENS = 1_024;

/** Cached tokens among the prompt tokens. */
export interface PromptDetails {
  readonly cached_tokens?: number | null;
  readonly cache_write_tokens?: number | null;
}

/** Cached tokens where servers that speak the Chat Completions API report them in place of the details. */
export interface CachedCounts {
  readonly cached_tokens?: number | null;
  readonly prompt_cache_hit_tokens?: number | null;
}

/** Usage from the counts of OpenAI, whose prompt tokens include the cached ones. */
export function usageFrom(
  prompt: number | null | undefined,
  output: number | null | undefined,
  details: PromptDetails | null | undefined,
  counts: CachedCounts = {},
): Partial<Usage> {
  const read = details?.cached_tokens ?? counts.prompt_cache_hit_tokens ?? counts.cached_tokens ?? 0;
  const written = details?.cache_write_tokens ?? 0;
  const inputTokens = typeof prompt === 'number' ? Math.max(0, prompt - read - written) : undefined;
  return usageFromCounts(inputTokens, output ?? undefined, read, written);
}

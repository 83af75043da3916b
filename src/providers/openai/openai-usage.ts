import { type Usage, usageFromCounts } from '../../contracts/usage.js';

/** Cached tokens among the prompt tokens. */
export interface PromptDetails {
  readonly cached_tokens?: number | null;
  readonly cache_write_tokens?: number | null;
}

/** Usage from the counts of OpenAI, whose prompt tokens include the cached ones. */
export function usageFrom(
  prompt: number | null | undefined,
  output: number | null | undefined,
  details: PromptDetails | null | undefined,
): Partial<Usage> {
  const read = details?.cached_tokens ?? 0;
  const written = details?.cache_write_tokens ?? 0;
  const inputTokens = typeof prompt === 'number' ? Math.max(0, prompt - read - written) : undefined;
  return usageFromCounts(inputTokens, output ?? undefined, read, written);
}

// The same calls for everybody: 900 from 5 agents, small and large ones mixed.
export const CALLS = 900;
export const MAX_CONCURRENT = 100;
export const MAX_RETRIES = 6;
export const MAX_TOKENS = 400;
export const LIMITS = { requestsPerMinute: 600, tokensPerMinute: 200_000, windowMs: 60_000 };

export const AGENTS = ['writer', 'reviewer', 'tester', 'planner', 'editor'];
const TEXT = 'The quick brown fox jumps over the lazy dog while the orchestra tunes its strings. ';

export function workload() {
  const random = seeded(42);
  return Array.from({ length: CALLS }, (_, id) => {
    const inputTokens = 100 + Math.floor(1_400 * random());
    const outputTokens = 20 + Math.floor((MAX_TOKENS - 20) * random());
    // About four characters a token, with some spread, as texts have.
    const length = Math.floor(inputTokens * (3.7 + 0.6 * random()));
    const prompt = TEXT.repeat(Math.ceil(length / TEXT.length)).slice(0, length);
    return {
      id,
      agent: AGENTS[id % AGENTS.length],
      prompt,
      inputTokens,
      outputTokens,
      maxTokens: MAX_TOKENS,
    };
  });
}

/**
 * The time that the calls take at least, in milliseconds: sent in order, each at the first instant at which the
 * window has room for what it really uses, by somebody who knows all of that beforehand.
 */
export function shortestTimeMs(calls) {
  const sent = [];
  let nowMs = 0;
  for (const { inputTokens, outputTokens } of calls) {
    const tokens = inputTokens + outputTokens;
    for (;;) {
      const live = sent.filter((one) => one.atMs + LIMITS.windowMs > nowMs);
      const used = live.reduce((sum, one) => sum + one.tokens, 0);
      if (live.length < LIMITS.requestsPerMinute && used + tokens <= LIMITS.tokensPerMinute) break;
      nowMs = live[0].atMs + LIMITS.windowMs;
    }
    sent.push({ atMs: nowMs, tokens });
  }
  return nowMs;
}

export function seeded(seed) {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

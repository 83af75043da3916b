// How each of the compared ways sends a row's calls. Each gets the row and gives a function of a call that resolves
// with the answer. Limits and retries are the same for all; delays are each one's own defaults.
import { setTimeout as sleep } from 'node:timers/promises';
import { isTransient, post, retryAfterMs } from './send.mjs';

export const TITLES = {
  tutti: 'tutti',
  'p-retry': 'p-limit + p-retry',
  'p-queue': 'p-queue + p-retry',
  'ai-sdk': 'AI SDK 6 + p-limit',
  bottleneck: 'Bottleneck',
  langchain: "LangChain's caller",
};

export const clients = {
  tutti,
  'p-retry': pLimitPRetry,
  'p-queue': pQueuePRetry,
  'ai-sdk': aiSdk,
  bottleneck,
  langchain,
};

async function tutti(row, urls) {
  const { AsyncOrchestrator } = await import('../../dist/index.js');
  // Its providers load the official clients with the first call; the others have loaded everything by now.
  await Promise.all([import('@anthropic-ai/sdk'), import('openai')]);
  const agents = {};
  for (const model of row.models) agents[model] = await tuttiAgent(row, model, urls[model]);
  const orchestrator = new AsyncOrchestrator({
    agents,
    maxConcurrent: row.limit,
    maxRetries: row.maxRetries,
    timeoutMs: row.timeoutMs,
    ...row.options,
  });
  return ({ model, prompt }) => orchestrator.execute(model, prompt);
}

async function tuttiAgent(row, model, url) {
  if (row.agents === 'function') return (prompt) => post({ url, model, prompt }, row.timeoutMs);
  const { anthropic, openai } = await import('../../dist/providers/index.js');
  if (row.agents === 'openai') return openai({ model, baseURL: `${url}/v1`, apiKey: 'bench' });
  return anthropic({ model, baseURL: url, apiKey: 'bench' });
}

/** What is written by hand most often. */
async function pLimitPRetry(row) {
  const { default: pLimit } = await import('p-limit');
  const { default: pRetry } = await import('p-retry');
  const permit = pLimit(row.limit);
  const retry = { ...retrySettings(row), randomize: true };
  return (call) => permit(() => pRetry(() => post(call, row.timeoutMs), retry));
}

async function pQueuePRetry(row) {
  const { default: PQueue } = await import('p-queue');
  const { default: pRetry } = await import('p-retry');
  const queue = new PQueue({ concurrency: row.limit });
  const retry = retrySettings(row);
  return (call) => queue.add(() => pRetry(() => post(call, row.timeoutMs), retry));
}

function retrySettings(row) {
  return {
    retries: row.maxRetries,
    shouldRetry: ({ error }) => isTransient(error),
    onFailedAttempt: async ({ error, attemptNumber }) => {
      const waitMs = retryAfterMs(error);
      if (waitMs !== undefined && attemptNumber <= row.maxRetries) await sleep(waitMs);
    },
  };
}

/** `generateText` with its own retries, which respect `retry-after`, behind p-limit. */
async function aiSdk(row) {
  const { APICallError, generateText } = await import('ai');
  const { default: pLimit } = await import('p-limit');
  const permit = pLimit(row.limit);
  const failureOf = (error, url) =>
    new APICallError({
      message: error.message,
      url,
      requestBodyValues: {},
      statusCode: error.status,
      responseHeaders: error.headers && Object.fromEntries(error.headers),
      isRetryable: isTransient(error),
    });
  const modelOf = (call) => ({
    specificationVersion: 'v3',
    provider: 'bench',
    modelId: call.model,
    supportedUrls: {},
    async doGenerate() {
      const text = await post(call, row.timeoutMs).catch((error) => {
        throw failureOf(error, call.url);
      });
      return {
        content: [{ type: 'text', text }],
        finishReason: { unified: 'stop', raw: 'end_turn' },
        usage: { inputTokens: { total: 10 }, outputTokens: { total: 5 } },
        warnings: [],
      };
    },
  });
  return (call) =>
    permit(() => generateText({ model: modelOf(call), prompt: call.prompt, maxRetries: row.maxRetries }));
}

/** Failed jobs are retried as its documentation does: the handler says after how many milliseconds. */
async function bottleneck(row) {
  const { default: Bottleneck } = await import('bottleneck');
  const limiter = new Bottleneck({ maxConcurrent: row.limit });
  limiter.on('failed', (error, { retryCount }) => {
    if (!isTransient(error) || retryCount >= row.maxRetries) return undefined;
    return retryAfterMs(error) ?? 1_000 * 2 ** retryCount;
  });
  return (call) => limiter.schedule(() => post(call, row.timeoutMs));
}

/** What its models send everything through. */
async function langchain(row) {
  const { AsyncCaller } = await import('@langchain/core/utils/async_caller');
  const caller = new AsyncCaller({ maxConcurrency: row.limit, maxRetries: row.maxRetries });
  return (call) => caller.call(() => post(call, row.timeoutMs));
}

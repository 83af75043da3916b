// How each of the compared ways sends the workload. They all have 100 permits and six retries a call, and give up on
// a call after that.
import { AGENTS, LIMITS, MAX_CONCURRENT, MAX_RETRIES, MAX_TOKENS } from './workload.mjs';

const PRICES = { model: { inputUsd: 0, outputUsd: 0 } };

class HttpError extends Error {
  constructor(status, headers) {
    super(`status ${status}`);
    this.status = status;
    this.headers = headers;
  }
}

async function post(url, call) {
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(call) });
  const body = await response.json();
  if (!response.ok) throw new HttpError(response.status, response.headers);
  return { ...body, headers: response.headers };
}

/** tutti's orchestrator with its OpenAI provider, through the official client. Knows no limits beforehand. */
export async function tutti(url) {
  const { AsyncOrchestrator } = await import('../../dist/index.js');
  const { openai } = await import('../../dist/providers/index.js');
  const model = {
    model: 'model',
    baseURL: url,
    apiKey: 'bench',
    maxTokens: MAX_TOKENS,
    connections: MAX_CONCURRENT,
  };
  const orchestrator = new AsyncOrchestrator({
    agents: Object.fromEntries(AGENTS.map((name) => [name, openai({ ...model, prices: PRICES })])),
    maxConcurrent: MAX_CONCURRENT,
    maxRetries: MAX_RETRIES,
    retry: { maxDelayMs: LIMITS.windowMs },
  });
  // The server does not count tokens: it is told with each call what its prompt has, and what its answer will have.
  return ({ agent, prompt, ...call }) => orchestrator.execute(agent, prompt, { params: { call } });
}

/** generateText of the AI SDK with its own retries, which honour retry-after, behind p-limit. */
export async function aiSdk(url) {
  const { APICallError, generateText } = await import('ai');
  const { default: pLimit } = await import('p-limit');
  const permit = pLimit(MAX_CONCURRENT);
  const modelOf = (call) => ({
    specificationVersion: 'v3',
    provider: 'bench',
    modelId: 'model',
    supportedUrls: {},
    async doGenerate() {
      const { text, usage } = await post(url, call).catch((error) => {
        throw new APICallError({
          message: error.message,
          url,
          requestBodyValues: {},
          statusCode: error.status,
          responseHeaders: error.headers && Object.fromEntries(error.headers),
        });
      });
      return {
        content: [{ type: 'text', text }],
        finishReason: { unified: 'stop', raw: 'stop' },
        usage: {
          inputTokens: { total: usage.inputTokens },
          outputTokens: { total: usage.outputTokens },
        },
        warnings: [],
      };
    },
  });
  return (call) =>
    permit(() => generateText({ model: modelOf(call), prompt: call.prompt, maxRetries: MAX_RETRIES }));
}

/** LangChain's caller, which its models send everything through. */
export async function langChain(url) {
  const { AsyncCaller } = await import('@langchain/core/utils/async_caller');
  const caller = new AsyncCaller({ maxConcurrency: MAX_CONCURRENT, maxRetries: MAX_RETRIES });
  return (call) => caller.call(() => post(url, call));
}

/** What is written by hand most often: p-limit around p-retry. */
export async function pLimitPRetry(url) {
  const { default: pLimit } = await import('p-limit');
  const { default: pRetry } = await import('p-retry');
  const permit = pLimit(MAX_CONCURRENT);
  return (call) => permit(() => pRetry(() => post(url, call), { retries: MAX_RETRIES, randomize: true }));
}

/**
 * Bottleneck, told the true limits: a reservoir of requests refilled each minute, and for tokens, of which it knows
 * nothing by itself, a second one whose weights are the estimates. Failed jobs are retried as it documents.
 */
export async function bottleneck(url) {
  const { default: Bottleneck } = await import('bottleneck');
  const refilled = (amount) => ({
    reservoir: amount,
    reservoirRefreshAmount: amount,
    reservoirRefreshInterval: LIMITS.windowMs,
  });
  const tokens = new Bottleneck(refilled(LIMITS.tokensPerMinute));
  const requests = new Bottleneck({ ...refilled(LIMITS.requestsPerMinute), maxConcurrent: MAX_CONCURRENT });
  requests.on('failed', (error, { retryCount }) => {
    if (error.status !== 429 || retryCount >= MAX_RETRIES) return undefined;
    return Number(error.headers.get('retry-after-ms'));
  });
  return (call) => {
    const weight = Math.ceil(call.prompt.length / 4) + call.maxTokens;
    return tokens.schedule({ weight }, () => requests.schedule(() => post(url, call)));
  };
}

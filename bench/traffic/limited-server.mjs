// A provider on loopback that enforces limits nobody told its clients: sliding windows of requests and tokens, real
// 429s, OpenAI's headers. Tokens count from a request's arrival, the answer at its most, and are corrected when the
// answer is out. Runs in a process of its own; time is scaled as in the clients.
import { createServer } from 'node:http';
import { speedUpTime } from './fast-time.mjs';
import { LIMITS, seeded } from './workload.mjs';

const MEAN_LATENCY_MS = 1_000;

speedUpTime(Number(process.env.TRAFFIC_SCALE));

const random = seeded(7);
let accepted = [];
let head = 0;
let usedRequests = 0;
let usedTokens = 0;
let stats = freshStats();

function freshStats() {
  return { requests: 0, rejected: 0, rejectedLater: 0, firstMs: undefined, answered: [] };
}

function expire(nowMs) {
  while (head < accepted.length && accepted[head].atMs + LIMITS.windowMs <= nowMs) {
    usedRequests -= 1;
    usedTokens -= accepted[head].tokens;
    head += 1;
  }
}

function length(ms) {
  const minutes = Math.floor(ms / 60_000);
  const seconds = ((ms % 60_000) / 1_000).toFixed(3);
  return minutes > 0 ? `${minutes}m${seconds}s` : `${seconds}s`;
}

/** When everything is there again. */
function resetMs(nowMs) {
  return head === accepted.length ? 0 : accepted.at(-1).atMs + LIMITS.windowMs - nowMs;
}

function limitHeaders(nowMs) {
  return {
    'x-ratelimit-limit-requests': LIMITS.requestsPerMinute,
    'x-ratelimit-remaining-requests': LIMITS.requestsPerMinute - usedRequests,
    'x-ratelimit-reset-requests': length(resetMs(nowMs)),
    'x-ratelimit-limit-tokens': LIMITS.tokensPerMinute,
    'x-ratelimit-remaining-tokens': Math.max(0, LIMITS.tokensPerMinute - usedTokens),
    'x-ratelimit-reset-tokens': length(resetMs(nowMs)),
  };
}

/** When the request would fit, if nobody else came. */
function roomInMs(tokens, nowMs) {
  let requests = usedRequests;
  let used = usedTokens;
  for (let index = head; index < accepted.length; index += 1) {
    if (requests < LIMITS.requestsPerMinute && used + tokens <= LIMITS.tokensPerMinute) break;
    requests -= 1;
    used -= accepted[index].tokens;
    const roomMs = accepted[index].atMs + LIMITS.windowMs - nowMs;
    if (requests < LIMITS.requestsPerMinute && used + tokens <= LIMITS.tokensPerMinute) return roomMs;
  }
  return 0;
}

function answer(call, isChat, response) {
  const nowMs = performance.now();
  stats.requests += 1;
  stats.firstMs ??= nowMs;
  expire(nowMs);
  const tokens = call.inputTokens + call.maxTokens;
  if (usedRequests >= LIMITS.requestsPerMinute || usedTokens + tokens > LIMITS.tokensPerMinute) {
    stats.rejected += 1;
    if (nowMs - stats.firstMs > LIMITS.windowMs) stats.rejectedLater += 1;
    const waitMs = Math.max(1, roomInMs(tokens, nowMs));
    const headers = { 'retry-after': Math.ceil(waitMs / 1_000), 'retry-after-ms': Math.ceil(waitMs) };
    send(response, 429, { ...limitHeaders(nowMs), ...headers }, { error: { message: 'Rate limit reached' } });
    return;
  }
  const entry = { atMs: nowMs, tokens };
  accepted.push(entry);
  usedRequests += 1;
  usedTokens += tokens;
  const headers = limitHeaders(nowMs);
  setTimeout(
    () => {
      const unused = call.maxTokens - call.outputTokens;
      if (accepted.indexOf(entry, head) >= head) usedTokens -= unused;
      entry.tokens -= unused;
      stats.answered.push(call.id);
      send(response, 200, headers, isChat ? chatAnswer(call) : plainAnswer(call));
    },
    MEAN_LATENCY_MS * (0.5 + random()),
  );
}

function plainAnswer({ inputTokens, outputTokens }) {
  return { text: 'done', usage: { inputTokens, outputTokens } };
}

/** The same as OpenAI's chat completions say it. */
function chatAnswer({ inputTokens: prompt_tokens, outputTokens: completion_tokens }) {
  return {
    id: 'answer',
    object: 'chat.completion',
    created: 0,
    model: 'model',
    choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'done' } }],
    usage: { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens },
  };
}

function send(response, status, headers, body) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

const server = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const body = JSON.parse(Buffer.concat(chunks).toString());
    // A client of OpenAI sends the call beside its messages.
    answer(
      { maxTokens: body.max_completion_tokens ?? body.max_tokens, ...(body.call ?? body) },
      body.messages !== undefined,
      response,
    );
  });
});

process.on('message', (message) => {
  if (message === 'stats') process.send({ stats });
  if (message === 'reset') {
    accepted = [];
    head = usedRequests = usedTokens = 0;
    stats = freshStats();
    process.send({ reset: true });
  }
  if (message === 'stop') server.close(() => process.disconnect());
  if (message === 'stop') server.closeAllConnections();
});
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));

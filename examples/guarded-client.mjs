// A script with the official OpenAI client keeps to its server's limits: only the line with `fetch` was changed.
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { AsyncOrchestrator } from 'tutti';
import { guardedFetch } from 'tutti/providers';
import { startModelServer } from 'tutti/testing';

// The server takes 20 requests a second and says so, and every ninth request finds it overloaded.
const startedAt = performance.now();
const counts = [];
let lastRejected = 0;
const server = await startModelServer(() => {
  const now = performance.now() - startedAt;
  const second = Math.floor(now / 1_000);
  counts[second] = (counts[second] ?? 0) + 1;
  const headers = {
    'x-ratelimit-limit-requests': '20',
    'x-ratelimit-remaining-requests': String(Math.max(0, 20 - counts[second])),
    'x-ratelimit-reset-requests': `${Math.ceil(1_000 - (now % 1_000))}ms`,
  };
  const { length } = server.requests;
  if (counts[second] > 20) lastRejected = length;
  if (lastRejected === length) return { status: 429, headers };
  return length % 9 === 0 ? { status: 503, headers } : { text: 'answered', headers };
});
const orchestrator = new AsyncOrchestrator({ maxConcurrent: 60, maxRetries: 5, retry: { minDelayMs: 100 } });
const fetch = guardedFetch(orchestrator, { lane: 'openai' });
const client = new OpenAI({ baseURL: server.openaiURL, apiKey: 'none', fetch, maxRetries: 0 });
const messages = [{ role: 'user', content: 'hello' }];
const calls = Array.from({ length: 60 }, () => client.chat.completions.create({ model: 'm', messages }));
const answers = await Promise.all(calls);
await Promise.all([orchestrator.close(), server.close()]);
console.log(`${answers.length} answers; requests in each second: ${Object.values(counts)}`);
assert.ok(answers.every(({ choices }) => choices[0].message.content === 'answered'));
assert.ok(lastRejected <= 60, 'no 429 once the first 60 requests, sent at once, have met the limit');

// A script with the official OpenAI client keeps to its server's limits: only the line with `fetch` was changed.
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { AsyncOrchestrator } from 'tutti';
import { guardedFetch } from 'tutti/providers';
import { startModelServer } from 'tutti/testing';

// The server takes 20 requests a second and says so, and every ninth request finds it overloaded.
const counts = [];
let startedAt;
const server = await startModelServer(() => {
  startedAt ??= performance.now();
  const now = performance.now() - startedAt;
  const second = Math.floor(now / 1_000);
  counts[second] = (counts[second] ?? 0) + 1;
  const headers = {
    'x-ratelimit-limit-requests': '20',
    'x-ratelimit-remaining-requests': String(Math.max(0, 20 - counts[second])),
    'x-ratelimit-reset-requests': `${Math.ceil(1_000 - (now % 1_000))}ms`,
  };
  const overload = server.requests.length % 9 === 0 ? 503 : undefined;
  return { text: 'answered', status: counts[second] > 20 ? 429 : overload, headers };
});
const orchestrator = new AsyncOrchestrator({ maxConcurrent: 60, maxRetries: 5, retry: { minDelayMs: 100 } });
const fetch = guardedFetch(orchestrator, { lane: 'openai' });
const client = new OpenAI({ baseURL: server.openaiURL, apiKey: 'none', fetch, maxRetries: 0 });
const ask = (content) =>
  client.chat.completions.create({ model: 'm', messages: [{ role: 'user', content }] });
const answers = await Promise.all(Array.from({ length: 60 }, (_, number) => ask(`Question ${number}`)));
await Promise.all([orchestrator.close(), server.close()]);

const seconds = Object.values(counts);
console.log(`${answers.length} answers; requests in each second: ${seconds}`);
assert.ok(answers.every(({ choices }) => choices[0].message.content === 'answered'));
assert.ok(!seconds.slice(1).some((requests) => requests > 20), 'no 429 after the first second');

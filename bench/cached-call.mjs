// npm run bench:cached-call: a whole call answered from memory, beside a bare cache and other stacks in the same run.
import { hash } from 'node:crypto';
import { cpus } from 'node:os';
import { InMemoryCache } from '@langchain/core/caches';
import { FakeListChatModel } from '@langchain/core/utils/testing';
import { Cacheable } from 'cacheable';
import { LRUCache } from 'lru-cache';
import pLimit from 'p-limit';
import pRetry from 'p-retry';
import pTimeout from 'p-timeout';
import { ResponseCache } from '../dist/cache/index.js';
import { AsyncOrchestrator } from '../dist/index.js';
import { check, compare, missed, print } from './cache-measure.mjs';

const TASKS = 1_000;
const TTL_MS = 86_400_000;
const agent = 'python-expert';
const text = 'A decorator is a function that takes a function. '.repeat(40);
const tasks = Array.from(
  { length: TASKS },
  (_, index) => `${'Explain decorators to me, please. '.repeat(6).slice(0, 200)}${index}`,
);
const taskOf = (index) => tasks[index % TASKS];
const jsonKey = (task) => hash('sha256', JSON.stringify([agent, undefined, task, {}]), 'hex').slice(0, 32);

const cache = new ResponseCache();
const orchestrator = new AsyncOrchestrator({ agents: { [agent]: () => text }, cache });
const lru = new LRUCache({ maxSize: 32 << 20, sizeCalculation: () => 2_200, ttl: TTL_MS });
const composed = composedCall();
const langchain = new FakeListChatModel({ responses: [text], cache: new InMemoryCache() });
for (const task of tasks) {
  lru.set(jsonKey(task), text);
  await orchestrator.execute(agent, task);
  await composed(task);
  await langchain.invoke(task);
}

console.log(`Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`);
const { attempts } = orchestrator.stats();
const medians = await compare(
  {
    'lru-cache.get, same key': (index) => lru.get(jsonKey(taskOf(index))),
    'tutti ResponseCache.get': (index) => cache.get({ agent, task: taskOf(index) }),
    'tutti orchestrator.execute': (index) => orchestrator.execute(agent, taskOf(index)),
    'p-limit + p-retry + p-timeout + cacheable': (index) => composed(taskOf(index)),
    'LangChain model with InMemoryCache': (index) => langchain.invoke(taskOf(index)),
  },
  { calls: 10_000 },
);
print('A call answered from memory, one after the other', medians, 'lru-cache.get, same key');
check(
  'execute against lru-cache.get',
  medians.get('tutti orchestrator.execute') / medians.get('lru-cache.get, same key'),
  4,
);

const many = Array.from({ length: 10_000 }, (_, index) => [agent, taskOf(index)]);
const batched = await compare(
  { 'tutti executeMultiple, 10,000 hits a run': () => orchestrator.executeMultiple(many) },
  { calls: 1 },
);
print(
  'The same in one run, for each hit',
  new Map([...batched].map(([name, us]) => [name, us / many.length])),
);
if (orchestrator.stats().attempts !== attempts) throw new Error('not everything came from the cache');
console.log(missed() === 0 ? '\nEverything promised was met.' : `\n${missed()} promises were missed.`);
await orchestrator.close();
await cache.close();

/** The packages that tutti is made of, put together by hand around a well-known cache. */
function composedCall() {
  const limit = pLimit(10);
  const store = new Cacheable({ ttl: TTL_MS });
  const ask = async () => text;
  return (task) =>
    limit(() =>
      pRetry(() => pTimeout(store.getOrSet(jsonKey(task), ask), { milliseconds: 30_000 }), { retries: 2 }),
    );
}

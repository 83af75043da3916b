import { hash } from 'node:crypto';
import { InMemoryCache } from '@langchain/core/caches';
import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { createCache } from 'cache-manager';
import { Cacheable } from 'cacheable';
import Keyv from 'keyv';
import { LRUCache } from 'lru-cache';
import { ResponseCache } from '../dist/cache/index.js';
import { check, compare, p99Us, print } from './cache-measure.mjs';

const REQUESTS = 1_000;
const TTL_MS = 86_400_000;
const task = 'Explain "decorators" in\nPython to somebody who knows C. '.repeat(4).slice(0, 200);

export const request = (index) => ({
  agent: 'python-expert',
  task: `${task}${index}`,
  model: 'claude-sonnet-4-5',
  params: { temperature: 0 },
});
export const answer = {
  output: 'A decorator is a function that takes a function. '.repeat(40),
  usage: { inputTokens: 60, outputTokens: 500 },
  costUsd: 0.008,
  model: 'claude-sonnet-4-5',
  finishReason: 'stop',
};
const jsonKey = ({ agent, model, task, params }) =>
  hash('sha256', JSON.stringify([agent, model, task, params]), 'hex').slice(0, 32);

export async function benchMemory() {
  const requests = Array.from({ length: REQUESTS }, (_, index) => request(index));
  const ours = new ResponseCache();
  const lru = new LRUCache({ maxSize: 32 << 20, sizeCalculation: () => 2_200, ttl: TTL_MS });
  const cacheable = new Cacheable({ ttl: TTL_MS });
  const manager = createCache({ ttl: TTL_MS });
  const keyv = new Keyv({ ttl: TTL_MS });
  const bento = new BentoCache({
    default: 'memory',
    stores: { memory: bentostore().useL1Layer(memoryDriver({ maxSize: '32mb' })) },
  });
  const langchain = new InMemoryCache();
  for (const one of requests) {
    const key = jsonKey(one);
    lru.set(key, answer);
    lru.set(ours.key(one), answer);
    await ours.set(one, answer);
    await cacheable.set(key, answer);
    await manager.set(key, answer);
    await keyv.set(key, answer);
    await bento.set({ key, value: answer, ttl: TTL_MS });
    await langchain.update(one.task, one.model, [{ text: answer.output }]);
  }
  const at = (index) => requests[index % REQUESTS];
  const hits = await compare(
    {
      'lru-cache, same key': (index) => lru.get(jsonKey(at(index))),
      'lru-cache, our key': (index) => lru.get(ours.key(at(index))),
      'tutti ResponseCache.get': (index) => ours.get(at(index)),
      'lru-cache of JSON text, same key': (index) => JSON.parse(JSON.stringify(lru.get(jsonKey(at(index))))),
      cacheable: (index) => cacheable.get(jsonKey(at(index))),
      'cache-manager': (index) => manager.get(jsonKey(at(index))),
      'Keyv on a Map': (index) => keyv.get(jsonKey(at(index))),
      bentocache: (index) => bento.get({ key: jsonKey(at(index)) }),
      'LangChain InMemoryCache': (index) => langchain.lookup(at(index).task, at(index).model),
    },
    { calls: 10_000 },
  );
  print('Hit in memory, key included', hits, 'lru-cache, same key');
  check('hit in memory, p99', await p99Us((index) => ours.get(at(index)), { calls: 10_000 }), 100, 'us');
  check('hit against lru-cache', hits.get('tutti ResponseCache.get') / hits.get('lru-cache, same key'), 1.5);

  const keys = requests.map((one) => ours.key(one));
  const bare = await compare(
    {
      'lru-cache.get': (index) => lru.get(keys[index % REQUESTS]),
      "ResponseCache.lookup (the orchestrator's way)": (index) =>
        ours.lookup(keys[index % REQUESTS], 'python-expert'),
    },
    { calls: 20_000 },
  );
  print('The same without the key', bare);

  let next = REQUESTS;
  const others = await compare(
    {
      miss: () => ours.get(request(next++)),
      'making the request alone': () => request(next++),
      'set of a 2 KB answer, memory full': () => ours.set(request(next++), answer),
    },
    { calls: 10_000 },
  );
  print('Miss and set in memory', others);
  check('miss', others.get('miss') - others.get('making the request alone'), 3, 'us');
  await Promise.all([ours.close(), bento.disconnectAll()]);
}

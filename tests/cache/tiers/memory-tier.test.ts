import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { AgentAccount } from '../../../src/cache/cache-stats.js';
import {
  type MemoryEntry,
  MemoryTier,
  type MemoryTierOptions,
} from '../../../src/cache/tiers/memory-tier.js';

const account = new AgentAccount();

function entry(key: string, changes: Partial<MemoryEntry> = {}): MemoryEntry {
  return {
    key,
    agent: 'agent',
    tags: [],
    answer: { output: key, usage: { inputTokens: 0, outputTokens: 0, totalTokens: 0 }, costUsd: 0.01 },
    createdAt: 0,
    expiresAt: 1_000,
    staleUntil: 1_000,
    sizeBytes: 100,
    account,
    hits: 0,
    usedAt: 0,
    ...changes,
  };
}

function tier(options: Partial<MemoryTierOptions> = {}): MemoryTier {
  return new MemoryTier({ maxSizeBytes: 1_000, maxEntries: 1_000, eviction: 'lru', ...options });
}

describe('MemoryTier', () => {
  test.each(['lru', 'cost-aware'] as const)(
    'holds its limits and counts bytes right after any operation: %s',
    (eviction) => {
      const key = fc.integer({ min: 0, max: 15 }).map(String);
      const step = fc.oneof(
        fc.record({
          do: fc.constant('set' as const),
          key,
          sizeBytes: fc.integer({ min: 1, max: 400 }),
          ttlMs: fc.nat(100),
        }),
        fc.record({ do: fc.constantFrom('get' as const, 'delete' as const), key }),
        fc.record({ do: fc.constant('wait' as const), ms: fc.nat(30) }),
        fc.record({ do: fc.constantFrom('clear' as const, 'cleanup' as const, 'delete agent' as const) }),
      );
      fc.assert(
        fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
          const memory = tier({ maxSizeBytes: 1_000, maxEntries: 6, eviction });
          let nowMs = 0;
          for (const one of steps) {
            if (one.do === 'set') {
              const expiresAt = nowMs + one.ttlMs;
              const agent = Number(one.key) % 2 === 0 ? 'even' : 'odd';
              const { sizeBytes } = one;
              memory.set(
                entry(one.key, { sizeBytes, agent, createdAt: nowMs, expiresAt, staleUntil: expiresAt }),
                nowMs,
              );
            } else if (one.do === 'get') {
              const found = memory.get(one.key, nowMs);
              if (found !== undefined) expect(found.staleUntil).toBeGreaterThan(nowMs);
            } else if (one.do === 'delete') memory.delete(one.key);
            else if (one.do === 'wait') nowMs += one.ms;
            else if (one.do === 'clear') memory.deleteMatching('all');
            else if (one.do === 'cleanup') memory.removeExpired(nowMs);
            else memory.deleteMatching({ agent: 'even' });
            const held = [...memory.entries()];
            const { entries, sizeBytes } = memory.size();
            expect(entries).toBe(held.length);
            expect(sizeBytes).toBe(held.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0));
            expect(entries).toBeLessThanOrEqual(6);
            expect(sizeBytes).toBeLessThanOrEqual(1_000);
          }
        }),
      );
    },
  );

  test('one byte over the limit throws out one entry, the one used least recently', () => {
    const left: string[] = [];
    const memory = tier({ onLeave: ({ key }, why) => left.push(`${key} ${why}`) });
    for (let index = 0; index < 10; index += 1) memory.set(entry(`k${index}`), 0);
    expect(memory.counters().evictions).toBe(0);
    memory.get('k0', 0);
    memory.set(entry('new', { sizeBytes: 1 }), 0);
    expect(left).toEqual(['k1 evicted']);
    expect(memory.get('new', 0)).toBeDefined();
    expect(memory.size()).toEqual({ entries: 10, sizeBytes: 901 });
  });

  test('an entry larger than the limit is not taken and throws nothing out', () => {
    const memory = tier();
    memory.set(entry('small'), 0);
    expect(memory.set(entry('huge', { sizeBytes: 1_001 }), 0)).toBe(false);
    expect(memory.set(entry('full', { sizeBytes: 900 }), 0)).toBe(true);
    expect(memory.size()).toEqual({ entries: 2, sizeBytes: 1_000 });
    expect(memory.counters().evictions).toBe(0);
  });

  test('a too large successor leaves no former answer behind', () => {
    const memory = tier();
    memory.set(entry('key'), 0);
    expect(memory.set(entry('key', { sizeBytes: 1_001 }), 0)).toBe(false);
    expect(memory.peek('key')).toBeUndefined();
    expect(memory.size()).toEqual({ entries: 0, sizeBytes: 0 });
  });

  test('replacing an entry counts the difference, up and down', () => {
    const memory = tier();
    for (const sizeBytes of [100, 300, 50]) {
      memory.set(entry('key', { sizeBytes }), 0);
      expect(memory.size()).toEqual({ entries: 1, sizeBytes });
    }
    expect(memory.counters().evictions).toBe(0);
  });

  test('makes room of what has expired before it throws anything out', () => {
    const memory = tier({ maxEntries: 3 });
    memory.set(entry('fresh'), 0);
    memory.set(entry('over', { expiresAt: 10, staleUntil: 10 }), 0);
    memory.set(entry('also over', { expiresAt: 20, staleUntil: 20 }), 0);
    memory.get('over', 5);
    memory.set(entry('new'), 500);
    expect([...memory.entries()].map(({ key }) => key).sort()).toEqual(['fresh', 'new']);
    expect(memory.counters()).toEqual({ evictions: 0, expirations: 2 });
  });

  test('an entry is there up to its last millisecond, and gone at its end', () => {
    const memory = tier();
    memory.set(entry('key'), 0);
    expect(memory.get('key', 999)).toBeDefined();
    expect(memory.get('key', 1_000)).toBeUndefined();
    expect(memory.size()).toEqual({ entries: 0, sizeBytes: 0 });
    expect(memory.counters().expirations).toBe(1);
  });

  test('deletes by agent, by tag and by whole name only', () => {
    const memory = tier();
    memory.set(entry('a', { agent: 'get_status', tags: ['x', 'y'] }), 0);
    memory.set(entry('b', { agent: 'get_status_detail', tags: ['y'] }), 0);
    memory.set(entry('c', { agent: 'other', tags: ['yy'] }), 0);
    expect(memory.deleteMatching({ agent: 'get_status' })).toBe(1);
    expect(memory.peek('b')).toBeDefined();
    expect(memory.deleteMatching({ tag: 'y' })).toBe(1);
    expect(memory.peek('c')).toBeDefined();
    expect(memory.deleteMatching('all')).toBe(1);
    expect(memory.counters()).toEqual({ evictions: 0, expirations: 0 });
  });
});

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type CacheRequest, cacheKey, explainDifference } from '../../src/cache/cache-key.js';
import { InvalidArgumentError } from '../../src/errors/input-errors.js';
import { anyCharacter } from '../expectations/any-character.js';

const base: CacheRequest = {
  agent: 'python-expert',
  task: 'What are decorators?',
  model: 'claude-sonnet-4-5',
  params: { temperature: 0, maxTokens: 100 },
  tenant: 'acme',
  definition: 'd1',
};

describe('cacheKey', () => {
  test('is 32 lowercase hex characters', () => {
    expect(cacheKey(base)).toMatch(/^[0-9a-f]{32}$/);
  });

  test('is the same for the same request, now and in other processes', () => {
    expect(cacheKey(structuredClone(base))).toBe(cacheKey(base));
    expect(cacheKey({ agent: 'a', task: 't' })).toBe('9eac2f0b58b0ac81c8fd975361358a9d');
  });

  test.each<[string, Partial<CacheRequest> & Record<string, unknown>]>([
    ['agent', { agent: 'other' }],
    ['task', { task: 'What are decorators? ' }],
    ['model', { model: 'claude-haiku-4-5' }],
    ['model left out', { model: undefined }],
    ['tenant', { tenant: 'emca' }],
    ['definition', { definition: 'd2' }],
    ['temperature', { params: { temperature: 1, maxTokens: 100 } }],
    ['maxTokens', { params: { temperature: 0, maxTokens: 5 } }],
    ['an unknown parameter', { params: { temperature: 0, maxTokens: 100, topK: 3 } }],
    ['a nested parameter', { params: { temperature: 0, maxTokens: 100, tools: [{ name: 'search' }] } }],
    ['an unknown field', { memory: 'yesterday' }],
  ])('changes with %s', (_, change) => {
    expect(cacheKey({ ...base, ...change })).not.toBe(cacheKey(base));
  });

  test('does not depend on the order of fields or parameters', () => {
    const reversed = (record: object) => Object.fromEntries(Object.entries(record).reverse());
    const other = reversed({ ...base, params: reversed(base.params as object) });
    expect(cacheKey(other as unknown as CacheRequest)).toBe(cacheKey(base));
  });

  test('takes undefined as left out, and no parameters as an empty list of them', () => {
    const plain = cacheKey({ agent: 'a', task: 't' });
    expect(cacheKey({ agent: 'a', task: 't', model: undefined, params: {}, tenant: undefined })).toBe(plain);
    expect(cacheKey({ agent: 'a', task: 't', params: { temperature: undefined } })).toBe(plain);
  });

  test.each([
    [
      { agent: 'x:llama3', task: 't', model: '8b' },
      { agent: 'x', task: 't', model: 'llama3:8b' },
    ],
    [
      { agent: 'a:b', task: '' },
      { agent: 'a', task: 'b:none' },
    ],
    [
      { agent: 'a', task: '1:b;' },
      { agent: 'a1:b;', task: '' },
    ],
    [
      { agent: 'a;', task: 'b' },
      { agent: 'a', task: ';b' },
    ],
    [
      { agent: 'a', task: '-;' },
      { agent: 'a', task: 't', model: '-;' },
    ],
    [
      { agent: 'a', task: 't', params: { a: '1' } },
      { agent: 'a', task: 't', params: { a: 1 } },
    ],
    [
      { agent: 'a', task: 't', params: { a: null } },
      { agent: 'a', task: 't', params: {} },
    ],
    [
      { agent: 'a', task: '\ud800' },
      { agent: 'a', task: '\udfff' },
    ],
    [
      { agent: 'a', task: '\ud800' },
      { agent: 'a', task: '\ufffd' },
    ],
    [
      { agent: 'a', task: '\ud800' },
      { agent: 'a', task: '"\\ud800"' },
    ],
    [
      { agent: 'a', task: 'é' },
      { agent: 'a', task: 'e\u0301' },
    ],
  ])('tells %j from %j', (first, second) => {
    expect(cacheKey(first)).not.toBe(cacheKey(second));
  });

  test.each<[string, unknown, string]>([
    ['NaN', { params: { temperature: Number.NaN } }, 'params.temperature'],
    ['Infinity', { params: { temperature: Number.POSITIVE_INFINITY } }, 'params.temperature'],
    ['a BigInt', { params: { seed: 1n } }, 'params.seed'],
    ['a function', { params: { stop: () => true } }, 'params.stop'],
    ['a Map', { params: { nested: { map: new Map() } } }, 'params.nested.map'],
    ['a Date', { params: { since: new Date(0) } }, 'params.since'],
    ['undefined in an array', { params: { list: [1, undefined] } }, 'params.list[1]'],
    ['a class instance in an unknown field', { extra: new (class Thing {})() }, 'extra'],
    ['an agent that is no string', { agent: 3 }, 'agent'],
    ['a task that is no string', { task: undefined }, 'task'],
    ['a model that is no string', { model: 3 }, 'model'],
    ['a null tenant', { tenant: 0 }, 'tenant'],
    ['parameters that are an array', { params: [1] }, 'params'],
    ['parameters that are null', { params: null }, 'params'],
  ])('refuses %s and names the field', (_, change, field) => {
    const request = { ...base, ...(change as object) };
    expect(() => cacheKey(request)).toThrow(InvalidArgumentError);
    expect(() => cacheKey(request)).toThrow(`request.${field}`);
  });

  test('refuses what is no request at all', () => {
    expect(() => cacheKey(null as unknown as CacheRequest)).toThrow(InvalidArgumentError);
    expect(() => cacheKey('request' as unknown as CacheRequest)).toThrow(/expected an object, got string/);
  });

  test('adds the tenant of the cache to requests that name none', () => {
    const { tenant: _, ...anonymous } = base;
    expect(cacheKey(anonymous, { tenant: 'acme' })).toBe(cacheKey(base));
    expect(cacheKey(base, { tenant: 'other' })).toBe(cacheKey(base));
  });

  test('gives distinct requests distinct keys', () => {
    // Raise it with CACHE_KEY_TUPLES=1000000 for a long run.
    const tuples = Number(process.env.CACHE_KEY_TUPLES ?? 20_000);
    const parts = [
      '',
      ':',
      ';',
      '-',
      'a',
      'b',
      '1',
      '{}',
      '"',
      'é',
      '\u0000',
      '|',
      'none',
      '\ud83d\ude00',
      '0:',
      ',',
    ];
    const text = (seed: number) => `${parts[seed % 16]}${parts[(seed >> 4) % 16]}`;
    const keys = new Set<string>();
    for (let seed = 0; seed < tuples; seed += 1) {
      const task = `${text(seed)}${Math.floor(seed / 65_536) || ''}`;
      keys.add(
        cacheKey({ agent: text(seed >> 8), task, model: text((seed * 31) >> 3), params: { seed: seed % 3 } }),
      );
    }
    const distinct = new Set<string>();
    for (let seed = 0; seed < tuples; seed += 1) {
      const task = `${text(seed)}${Math.floor(seed / 65_536) || ''}`;
      distinct.add(JSON.stringify([text(seed >> 8), task, text((seed * 31) >> 3), seed % 3]));
    }
    expect(keys.size).toBe(distinct.size);
  });

  test('two requests have the same key exactly when they are the same request', () => {
    const text = fc.oneof(
      fc.string({ unit: anyCharacter, maxLength: 4 }),
      fc.constantFrom('', ':', 'a:', ';'),
    );
    const request = fc.record(
      { agent: text, task: text, model: text, tenant: text, params: fc.dictionary(text, fc.jsonValue()) },
      { requiredKeys: ['agent', 'task'] },
    );
    const normal = (one: CacheRequest) =>
      JSON.stringify([one.agent, one.task, one.model ?? null, one.tenant ?? null, sorted(one.params ?? {})]);
    fc.assert(
      fc.property(request, request, (a, b) => {
        expect(cacheKey(a as CacheRequest) === cacheKey(b as CacheRequest)).toBe(normal(a) === normal(b));
      }),
    );
  });
});

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, one]) => [name, sorted(one)]);
}

describe('explainDifference', () => {
  test.each<[Partial<CacheRequest> & Record<string, unknown>, string | undefined]>([
    [{}, undefined],
    [{ params: { maxTokens: 100, temperature: 0 } }, undefined],
    [{ agent: 'other' }, 'agent'],
    [{ tenant: undefined }, 'tenant'],
    [{ task: 'else', model: 'else' }, 'model'],
    [{ params: { temperature: 1, maxTokens: 100 } }, 'params.temperature'],
    [{ params: { temperature: 0 } }, 'params.maxTokens'],
    [{ params: { temperature: 0, maxTokens: 100, tools: [1] } }, 'params.tools'],
    [{ memory: 'x' }, 'memory'],
  ])('names what differs: %j', (change, field) => {
    expect(explainDifference(base, { ...base, ...change })).toBe(field);
  });

  test('names the place inside nested parameters', () => {
    const request = (name: string) => ({ ...base, params: { tools: [{ name: 'a' }, { name }] } });
    expect(explainDifference(request('b'), request('c'))).toBe('params.tools.1.name');
  });
});

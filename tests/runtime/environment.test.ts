import { describe, expect, test } from '@jest/globals';
import { readEnvironment, VARIABLES } from '../../src/runtime/environment.js';
import { loadConfig } from '../../src/runtime/index.js';
import { tuttiConfigSchema } from '../../src/runtime/tutti-config.js';
import { rejection } from '../behaviour/scripted-agents.js';
import { temporaryFolder } from './temporary-folder.js';

temporaryFolder();
const load = (env: Record<string, string>) => loadConfig({ env });

describe('the environment', () => {
  test('has a variable only for settings that exist', () => {
    for (const { setting } of VARIABLES) {
      let schema: { shape: Record<string, { shape: object } | undefined> } | undefined = tuttiConfigSchema();
      for (const name of setting.split('.')) schema = schema?.shape[name] as typeof schema;
      expect({ setting, isKnown: schema !== undefined }).toEqual({ setting, isKnown: true });
    }
    const names = VARIABLES.flatMap(({ name, alias }) => [
      name,
      ...(alias === undefined ? [] : [alias.name]),
    ]);
    expect(new Set(names).size).toBe(names.length);
  });

  test.each([
    [{ TUTTI_MAX_CONCURRENT: '5' }, { maxConcurrent: 5 }],
    [{ MAX_CONCURRENT_OPERATIONS: '50' }, { maxConcurrent: 50 }],
    [{ TUTTI_MAX_CONCURRENT: '5', MAX_CONCURRENT_OPERATIONS: '50' }, { maxConcurrent: 5 }],
    [
      { TUTTI_DEADLINE_MS: '60_000', TUTTI_TIMEOUT_MS: ' 1500 ' },
      { deadlineMs: 60_000, timeoutMs: 1_500 },
    ],
    [{ TUTTI_BUDGET_USD: '2.5' }, { budget: { usd: 2.5 } }],
    [{ ENABLE_RESPONSE_CACHING: 'true' }, { cache: {} }],
    [{ ENABLE_RESPONSE_CACHING: 'false' }, { cache: false }],
    [{ TUTTI_CACHE: 'on', CACHE_DEFAULT_TTL: '60' }, { cache: { ttlMs: 60_000 } }],
    [{ CACHE_DEFAULT_TTL: '60', CACHE_MAX_SIZE: '10000' }, {}],
    [{ TUTTI_CACHE_DIRECTORY: '.tutti', CACHE_MAX_SIZE: '10000', TUTTI_CACHE: 'off' }, { cache: false }],
    [{ STATE_FILE_PATH: 'data/state.json' }, { state: { path: 'data/state.json' } }],
    [
      { STATE_FILE_PATH: 'a.json', ENABLE_STATE_WATCHING: 'false' },
      { state: { path: 'a.json', watch: false } },
    ],
    [{ ENABLE_STATE_WATCHING: 'true' }, {}],
    [
      { PERFORMANCE_MONITORING_ENABLED: 'true', METRICS_COLLECTION_INTERVAL: '30' },
      { telemetry: { sampleMs: 30_000 } },
    ],
    [{ PERFORMANCE_MONITORING_ENABLED: 'false', METRICS_COLLECTION_INTERVAL: '30' }, { telemetry: false }],
    [{ TUTTI_TELEMETRY_DIRECTORY: '.tutti' }, { telemetry: { history: { directory: '.tutti' } } }],
    [{ OPTIMIZATION_DEBUG: 'true' }, { logLevel: 'debug' }],
    [{ OPTIMIZATION_DEBUG: 'false' }, {}],
    [{ OPTIMIZATION_DEBUG: 'true', TUTTI_LOG_LEVEL: 'warn' }, { logLevel: 'warn' }],
    [{ TUTTI_UNRELATED_THING: 'x', TUTTI_CALL: 'mark' }, {}],
  ])('%j means %j', async (env, config) => {
    expect(await load(env as Record<string, string>)).toEqual(config);
  });

  test.each([
    [
      { MAX_CONCURRENT_OPERATIONS: 'many' },
      'MAX_CONCURRENT_OPERATIONS: maxConcurrent: expected a number; got "many".',
    ],
    [
      { TUTTI_MAX_CONCURRENT: '0' },
      'TUTTI_MAX_CONCURRENT: maxConcurrent (from the environment): expected a whole number of at least 1; got "0".',
    ],
    [
      { ENABLE_RESPONSE_CACHING: 'maybe' },
      'ENABLE_RESPONSE_CACHING: cache: expected true or false; got "maybe".',
    ],
    [
      { CACHE_DEFAULT_TTL: 'soon' },
      'CACHE_DEFAULT_TTL: cache.ttlMs: expected a number of seconds; got "soon".',
    ],
    [
      { TUTTI_CACHE: 'true', CACHE_DEFAULT_TTL: '0' },
      'CACHE_DEFAULT_TTL: cache.ttlMs (given in seconds): expected milliseconds above 0',
    ],
    [{ TUTTI_LOG_LEVEL: 'loud' }, 'TUTTI_LOG_LEVEL: logLevel (from the environment): expected "debug"'],
    [
      { TUTTI_MAX_CONCURENT: '3' },
      'TUTTI_MAX_CONCURENT: this variable is not known. Did you mean "TUTTI_MAX_CONCURRENT"?',
    ],
  ])('%j stops the start and is named', async (env, text) => {
    const error = await rejection(load(env as unknown as Record<string, string>));
    expect(error).toMatchObject({ code: 'TUTTI_CONFIG', source: Object.keys(env).at(-1) });
    expect(error.message).toContain(text);
  });

  test('never shows the value of a secret', () => {
    for (const variable of VARIABLES.filter(({ isSecret }) => isSecret === true)) {
      const [read] = readEnvironment({ [variable.name]: 'a-secret-of-the-environment' });
      expect(read?.variable.name).toBe(variable.name);
    }
    expect(VARIABLES.filter(({ isSecret }) => isSecret === true).map(({ name }) => name)).toEqual([
      'TUTTI_CACHE_SECRET',
    ]);
  });
});

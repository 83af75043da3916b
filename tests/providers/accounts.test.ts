// Covers: src/providers/model/accounts.ts, src/calls/attempts/account-attempts.ts
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { AgentsInput } from '../../src/agents/agent-registry.js';
import type { AgentDefinition } from '../../src/contracts/agent.js';
import { InvalidArgumentError } from '../../src/errors/input-errors.js';
import { AsyncOrchestrator } from '../../src/orchestrator/async-orchestrator.js';
import type { AsyncOrchestratorOptions } from '../../src/orchestrator/options.js';
import { anthropic } from '../../src/providers/anthropic/anthropic.js';
import type { ApiKeys } from '../../src/providers/model/accounts.js';
import { openai } from '../../src/providers/openai/openai.js';
import { type ModelServer, startModelServer } from '../../src/testing/model-server/model-server.js';
import type { ScriptedAnswer } from '../../src/testing/model-server/scripted-answer.js';
import { systemClock } from '../../src/time/clock.js';

const [ONE, TWO, THREE] = ['secret-key-number-one', 'secret-key-number-two', 'secret-key-number-three'];

let server: ModelServer;
const opened: Array<{ close(options: object): Promise<void> }> = [];
/** What the server says to each key. */
let answers: Record<string, ScriptedAnswer>;

beforeEach(async () => {
  answers = {};
  server = await startModelServer(({ headers }) => answers[keyOf(headers)] ?? { text: 'ok' });
});
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close({ drainMs: 0 });
  await server.close();
});

function keyOf(headers: Readonly<Record<string, unknown>>): string {
  return String(headers['x-api-key'] ?? headers.authorization).replace('Bearer ', '');
}

const askedWith = (): string[] => server.requests.map(({ headers }) => keyOf(headers));

function open(
  agents: Record<string, AgentDefinition>,
  options: AsyncOrchestratorOptions<AgentsInput> = {},
): AsyncOrchestrator<AgentsInput> {
  const orchestrator = new AsyncOrchestrator<AgentsInput>({
    agents,
    retry: { minDelayMs: 1, maxDelayMs: 20 },
    ...options,
  });
  opened.push(orchestrator);
  return orchestrator;
}

const expert = (apiKeys: ApiKeys): AgentDefinition =>
  anthropic({ model: 'claude-haiku-4-5', baseURL: server.url, apiKeys }) as AgentDefinition;

/** Asks one question after the other; says how each ended. */
async function ask(orchestrator: AsyncOrchestrator<AgentsInput>, count: number, agent = 'expert') {
  const ends: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const [outcome] = await orchestrator.executeMultiple([[agent, `question ${index}`]]);
    ends.push(outcome?.success === true ? outcome.output : String(outcome?.error.code));
  }
  return ends;
}

describe('several keys', () => {
  test.each([
    ['anthropic', () => expert([ONE, TWO, THREE])],
    ['openai', () => openai({ model: 'gpt-4.1', baseURL: `${server.url}/v1`, apiKeys: [ONE, TWO, THREE] })],
    [
      'openai, Responses',
      () =>
        openai({
          model: 'gpt-4.1',
          baseURL: `${server.url}/v1`,
          apiKeys: [ONE, TWO, THREE],
          api: 'responses',
        }),
    ],
  ])('take turns: %s', async (_, make) => {
    const orchestrator = open({ expert: make() as AgentDefinition });
    expect(await ask(orchestrator, 6)).toEqual(Array.from({ length: 6 }, () => 'ok'));
    expect(askedWith()).toEqual([ONE, TWO, THREE, ONE, TWO, THREE]);
  });

  test('have a lane each, which agents with the same key share, and no key in its name', async () => {
    const shared = { key: ONE, name: 'team-a' };
    const orchestrator = open({ a: expert([shared, TWO]), b: expert([shared]) });
    await ask(orchestrator, 2, 'a');
    await ask(orchestrator, 1, 'b');
    const names = Object.keys(orchestrator.stats().lanes).filter((name) => name.includes('#'));
    expect(names.sort()).toEqual([
      expect.stringMatching(/^anthropic#[0-9a-f]{6}\/claude-haiku-4-5$/),
      'anthropic#team-a/claude-haiku-4-5',
    ]);
    expect(JSON.stringify(orchestrator.stats())).not.toContain('secret-key');
  });

  test.each([
    ['a key whose limit is reached', { status: 429, headers: { 'retry-after': '3600' } }],
    ['a key that is not accepted', { status: 401 }],
    ['a key without credit', { status: 402 }],
  ])('go on with the next one at once for %s', async (_, failure) => {
    answers[ONE] = failure;
    const orchestrator = open({ expert: expert([ONE, TWO]) }, { maxRetries: 0 });
    expect(await ask(orchestrator, 1)).toEqual(['ok']);
    expect(askedWith()).toEqual([ONE, TWO]);
  });

  test('leave a key alone as long as it asks to wait', async () => {
    answers[ONE] = { status: 429, headers: { 'retry-after': '3600' } };
    const orchestrator = open({ expert: expert([ONE, TWO]) });
    expect(await ask(orchestrator, 5)).toEqual(['ok', 'ok', 'ok', 'ok', 'ok']);
    expect(askedWith().filter((key) => key === ONE)).toHaveLength(1);
  });

  test('leave a key alone whose breaker is open', async () => {
    answers[ONE] = { status: 500 };
    const orchestrator = open(
      { expert: expert([ONE, TWO]) },
      { breaker: { minimumCalls: 2, windowMs: 60_000, openMs: 300_000 }, maxRetries: 3 },
    );
    expect(await ask(orchestrator, 10)).toEqual(Array.from({ length: 10 }, () => 'ok'));
    expect(askedWith().filter((key) => key === ONE).length).toBeLessThanOrEqual(3);
  });

  test('fail as one key does when all of them fail', async () => {
    answers[ONE] = { status: 401 };
    answers[TWO] = { status: 401 };
    const orchestrator = open({ expert: expert([ONE, TWO]) });
    const [outcome] = await orchestrator.executeMultiple([['expert', 'x']]);
    expect(outcome).toMatchObject({ success: false, attempts: 2, error: { code: 'TUTTI_PROVIDER_AUTH' } });
    expect(JSON.stringify(outcome)).not.toContain('secret-key');
  });

  test('do not help where the request is what is wrong', async () => {
    answers[ONE] = { status: 400 };
    const orchestrator = open({ expert: expert([ONE, TWO]) });
    expect(await ask(orchestrator, 1)).toEqual(['TUTTI_PROVIDER_REQUEST']);
    expect(askedWith()).toEqual([ONE]);
  });

  test('serve streams, too', async () => {
    answers[ONE] = { status: 429, headers: { 'retry-after': '3600' } };
    const orchestrator = open({ expert: expert([ONE, TWO]) });
    let text = '';
    for await (const piece of orchestrator.stream('expert', 'x').text) text += piece;
    expect(text).toBe('ok');
  });

  test('are one agent for the cache, whichever of them answers', async () => {
    const orchestrator = open({ expert: expert([ONE, TWO]) }, { cache: true });
    await orchestrator.execute('expert', 'x');
    expect((await orchestrator.execute('expert', 'x')).cached).toBe('memory');
    const other = open({ expert: expert([THREE]) });
    const request = orchestrator.cacheRequest('expert', 'x');
    expect(other.cacheRequest('expert', 'x')).toEqual(request);
  });
});

describe('the daily quota of a key', () => {
  /** A clock that shows another date and otherwise runs as always. */
  let dateMs: number;
  const clock = { ...systemClock, epochMs: () => dateMs };
  beforeEach(() => {
    dateMs = Date.UTC(2026, 5, 1, 12);
  });

  test('skips the key when it is used up, and begins again the next day', async () => {
    const orchestrator = open({ expert: expert([{ key: ONE, requestsPerDay: 2 }, TWO]) }, { clock });
    await ask(orchestrator, 8);
    expect(askedWith().filter((key) => key === ONE)).toHaveLength(2);
    dateMs = Date.UTC(2026, 5, 2);
    await ask(orchestrator, 8);
    expect(askedWith().filter((key) => key === ONE)).toHaveLength(4);
  });

  test('of every key used up is an error that says when the next day begins', async () => {
    const keys = [
      { key: ONE, requestsPerDay: 1 },
      { key: TWO, requestsPerDay: 1 },
    ];
    const orchestrator = open({ expert: expert(keys) }, { clock });
    expect(await ask(orchestrator, 3)).toEqual(['ok', 'ok', 'TUTTI_RATE_LIMITED']);
    const [outcome] = await orchestrator.executeMultiple([['expert', 'x']]);
    expect(outcome).toMatchObject({ error: { reason: 'wait-too-long', retryAfterMs: 12 * 3_600_000 } });
    expect(server.requests).toHaveLength(2);
    dateMs += 12 * 3_600_000;
    expect(await ask(orchestrator, 1)).toEqual(['ok']);
  });

  test('is shared by the agents that have the key', async () => {
    const key = { key: ONE, requestsPerDay: 3 };
    const orchestrator = open({ a: expert([key]), b: expert([key]) }, { clock });
    await ask(orchestrator, 2, 'a');
    expect(await ask(orchestrator, 2, 'b')).toEqual(['ok', 'TUTTI_RATE_LIMITED']);
  });
});

test.each([
  [[]],
  ['key'],
  [[ONE, ONE]],
  [[ONE, { key: '' }]],
  [[{ key: ONE, requestsPerDay: 0 }]],
  [[{ key: ONE, name: 'a b' }]],
  [[{ key: ONE, quota: 5 }]],
  [
    [
      { key: ONE, name: 'a' },
      { key: TWO, name: 'a' },
    ],
  ],
])('refuses keys that are none and says what is expected, without repeating them', (apiKeys) => {
  const build = () => anthropic({ model: 'm', apiKeys: apiKeys as ApiKeys });
  expect(build).toThrow(InvalidArgumentError);
  expect(build).toThrow('apiKeys must be a list of keys');
  expect(build).not.toThrow(ONE);
});

test('refuses apiKeys beside apiKey', () => {
  expect(() => anthropic({ model: 'm', apiKey: ONE, apiKeys: [TWO] })).toThrow('expected apiKey or apiKeys');
});

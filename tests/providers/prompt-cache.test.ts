// Covers: src/providers/anthropic/prompt-cache.ts, src/providers/anthropic/cache-minimums.ts, src/providers/model/prompt-size.ts
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { AsyncOrchestrator } from '../../src/index.js';
import { anthropic } from '../../src/providers/anthropic/anthropic.js';
import { minimumCachedTokens } from '../../src/providers/anthropic/cache-minimums.js';
import { markForCache } from '../../src/providers/anthropic/prompt-cache.js';
import { PRICE_TABLE } from '../../src/providers/pricing/price-table.js';
import { type ModelServer, startModelServer } from '../../src/testing/model-server/model-server.js';

const MODEL = 'claude-sonnet-4-5';

/** About so many tokens of text. */
const text = (tokens: number): string => 'four'.repeat(tokens);
const user = (content: unknown) => ({ role: 'user', content });
const assistant = (content: unknown) => ({ role: 'assistant', content });

type Body = Parameters<typeof markForCache>[0];

/** The body with its marks. */
function marked(body: Body, promptCache: false | '5m' | '1h' = '5m', model = MODEL, fileTokens = 0): Body {
  const copy = { ...body };
  markForCache(copy, model, promptCache, fileTokens);
  return copy;
}

/** Where the marks of a body are. */
function placesOf(body: Body): string[] {
  const { tools, system, messages } = marked(body);
  const has = (block: unknown): boolean => (block as { cache_control?: unknown }).cache_control !== undefined;
  const blocks = (place: string, list: unknown): string[] =>
    Array.isArray(list) ? list.flatMap((block, index) => (has(block) ? [`${place}.${index}`] : [])) : [];
  const turns = messages as Array<{ content: unknown }>;
  return [
    ...blocks('tools', tools),
    ...blocks('system', system),
    ...turns.flatMap(({ content }, index) => blocks(`messages.${index}`, content)),
  ];
}

const longTool = { name: 'read', description: text(1_100), input_schema: { type: 'object' } };
const shortTool = { name: 'add', input_schema: { type: 'object' } };
const chat = [user('a'), assistant('b'), user('c'), assistant('d'), user([{ type: 'text', text: 'e' }])];

describe('markForCache', () => {
  test.each<[string, Body, string[]]>([
    ['a short prompt', { system: 'Be brief.', messages: chat }, []],
    ['long instructions', { system: text(1_100), messages: [user('a')] }, ['system.0']],
    ['long tools', { tools: [shortTool, longTool], messages: [user('a')] }, ['tools.1']],
    [
      'long tools and instructions, in the first step',
      { tools: [longTool, shortTool], system: 'Be brief.', messages: [user('a')] },
      ['tools.1', 'system.0'],
    ],
    [
      'tools and instructions that are long only together',
      { tools: [{ ...longTool, description: text(600) }], system: text(600), messages: [user('a')] },
      ['system.0'],
    ],
    [
      'a conversation',
      { tools: [longTool], system: 'Be brief.', messages: chat },
      ['tools.0', 'system.0', 'messages.2.0', 'messages.4.0'],
    ],
    [
      'a conversation that is long itself',
      { messages: [user(text(1_100)), ...chat.slice(1)] },
      ['messages.2.0', 'messages.4.0'],
    ],
    ['a long single turn without tools, which nothing will follow', { messages: [user(text(9_000))] }, []],
    [
      'a long single turn of an agent with tools',
      { tools: [shortTool], messages: [user(text(9_000))] },
      ['messages.0.0'],
    ],
    [
      'a turn that was interrupted',
      { system: text(1_100), messages: [user('a'), assistant([{ type: 'thinking', thinking: 'b' }])] },
      ['system.0', 'messages.0.0'],
    ],
  ])('marks, of %s, what later requests begin with', (_name, body, places) => {
    expect(placesOf({ ...body })).toEqual(places);
  });

  test('leaves the turns themselves as they were, so that no mark stays behind', () => {
    const body: Body = { system: text(1_100), messages: chat };
    const before = JSON.stringify(body);
    expect(marked(body).messages).toHaveLength(5);
    expect(JSON.stringify(body)).toBe(before);
  });

  test.each([
    ['5m', { type: 'ephemeral' }],
    ['1h', { type: 'ephemeral', ttl: '1h' }],
  ] as const)('says how long to keep it: %s', (lifetime, mark) => {
    const { system } = marked({ system: text(1_100), messages: [user('a')] }, lifetime);
    expect(system).toEqual([{ type: 'text', text: text(1_100), cache_control: mark }]);
  });

  test('leaves a body as it is where it is off, or where the parameters say what to cache', () => {
    const body = { tools: [longTool], system: text(1_100), messages: chat };
    expect(marked(body, false)).toEqual(body);
    const automatic = { ...body, cache_control: { type: 'ephemeral' } };
    expect(marked(automatic)).toEqual(automatic);
    const own = { ...body, tools: [{ ...longTool, cache_control: { type: 'ephemeral' } }] };
    expect(marked(own)).toEqual(own);
  });

  test('counts files by their tokens rather than by their bytes', () => {
    const source = { type: 'base64', media_type: 'image/png', data: 'A'.repeat(100_000) };
    const body = { messages: [user([{ type: 'image', source }]), assistant('b'), user('c')] };
    expect(JSON.stringify(marked(body, '5m', MODEL, 900))).not.toContain('cache_control');
    expect(JSON.stringify(marked(body, '5m', MODEL, 1_600))).toContain('cache_control');
  });

  test('knows the minimum of the model', () => {
    const body = { system: text(2_000), messages: [user('a')] };
    expect(placesOf(body)).toEqual(['system.0']);
    expect(marked(body, '5m', 'claude-haiku-4-5')).toEqual(body);
  });
});

describe('minimumCachedTokens', () => {
  test.each([
    ['claude-sonnet-4-5-20250929', 1_024],
    ['claude-sonnet-4-20250514', 1_024],
    ['claude-sonnet-4-0', 1_024],
    ['claude-opus-4@20250514', 1_024],
    ['us.anthropic.claude-opus-4-5-20251101-v1:0', 4_096],
    ['anthropic/claude-opus-4.7', 2_048],
    ['claude-opus-5-5', 512],
    ['claude-opus-5', 512],
    ['claude-3-5-haiku-latest', 2_048],
    ['claude-3-haiku-20240307', 2_048],
    ['claude-haiku-4-5', 4_096],
    ['claude-opus-4-9', 4_096],
    ['my-model', 4_096],
  ])('of %s is %i', (model, tokens) => {
    expect(minimumCachedTokens(model)).toBe(tokens);
  });

  test('is known for every model that has a price', () => {
    const priced = Object.keys(PRICE_TABLE).filter((name) => name.startsWith('claude-'));
    const unknown = priced.filter((name) => minimumCachedTokens(name) === 4_096);
    expect(unknown).toEqual(['claude-opus-4-6', 'claude-opus-4-5', 'claude-haiku-4-5']);
  });
});

describe('at a server that caches prompts and bills as the service does', () => {
  let server: ModelServer;
  beforeEach(async () => {
    server = await startModelServer({}, { promptCache: true });
  });
  afterEach(() => server.close());

  const MORE = {
    model: MODEL,
    instructions: text(12_000),
    tools: {
      search: {
        description: text(8_000),
        input: z.object({ query: z.string() }),
        run: ({ query }: { query: string }) => `Nothing about ${query}.`,
      },
    },
  };

  /** Five steps that call the tool, and the answer. */
  const SIX_STEPS = [
    ...Array.from({ length: 5 }, (_, step) => ({
      text: '',
      toolCalls: [{ id: `c${step}`, name: 'search', input: { query: `q${step}` } }],
    })),
    { text: 'Done.' },
  ];

  async function run(promptCache: false | '5m' | '1h', isStreamed = false) {
    server.script(SIX_STEPS);
    const before = server.billed;
    await using orchestrator = new AsyncOrchestrator({
      agents: { finder: anthropic({ ...MORE, promptCache, apiKey: 'k', baseURL: server.url }) },
    });
    const task = 'Find it.';
    const result = isStreamed
      ? await orchestrator.stream('finder', task).result
      : await orchestrator.execute('finder', task);
    expect(result.output).toBe('Done.');
    return { result, billedTokens: server.billed.billedTokens - before.billedTokens };
  }

  test.each([false, true])('a loop of six steps costs at most 30 % (streamed: %s)', async (isStreamed) => {
    const plain = await run(false, isStreamed);
    const cached = await run('5m', isStreamed);
    expect(cached.billedTokens).toBeLessThanOrEqual(0.3 * plain.billedTokens);
    const { usage, costUsd = 0 } = cached.result;
    expect(usage.cacheReadTokens).toBeGreaterThan(5 * 20_000);
    expect(usage.cacheWriteTokens).toBeGreaterThan(20_000);
    const outputUsd = ((usage.outputTokens ?? 0) * 15) / 1e6;
    expect(costUsd - outputUsd).toBeCloseTo((cached.billedTokens * 3) / 1e6, 6);
    const totals = [plain, cached].map(({ result }) => result.usage.totalTokens);
    expect(totals[0]).toBe(totals[1]);
  });

  test('an hour costs twice the input, and the cost of a call says so', async () => {
    const { result, billedTokens } = await run('1h');
    const { usage, costUsd = 0 } = result;
    expect(usage.cacheWrite1hTokens).toBe(usage.cacheWriteTokens);
    const outputUsd = ((usage.outputTokens ?? 0) * 15) / 1e6;
    expect(costUsd - outputUsd).toBeCloseTo((billedTokens * 3) / 1e6, 6);
    expect(usage.cacheWriteTokens).toBeGreaterThan(20_000);
  });

  test('a second call reads all that the first one wrote of tools and instructions', async () => {
    server.script({ text: 'Done.' });
    await using orchestrator = new AsyncOrchestrator({
      agents: { finder: anthropic({ ...MORE, apiKey: 'k', baseURL: server.url }) },
    });
    const first = await orchestrator.execute('finder', 'Find it.');
    const second = await orchestrator.execute('finder', 'Find something else.');
    expect(second.usage.cacheReadTokens).toBe(first.usage.cacheWriteTokens);
    expect(second.usage.cacheWriteTokens).toBeUndefined();
    expect(server.billed.cacheWrites).toBe(1);
  });

  test('more results than the cache looks back over are still read', async () => {
    const calls = Array.from({ length: 25 }, (_, place) => ({
      id: `p${place}`,
      name: 'search',
      input: { query: `q${place}` },
    }));
    server.script([{ toolCalls: calls }, { toolCalls: calls }, { text: 'Done.' }]);
    await using orchestrator = new AsyncOrchestrator({
      agents: { finder: anthropic({ ...MORE, apiKey: 'k', baseURL: server.url }) },
    });
    const { usage } = await orchestrator.execute('finder', 'Find it.');
    // Everything is written once, so what is written is the longest prompt.
    const [longest] = server.requests
      .map(({ body }) => JSON.stringify(body).length / 4)
      .sort((a, b) => b - a);
    expect(usage.cacheWriteTokens).toBeLessThan(1.02 * (longest as number));
  });

  test('a budget with room for a prompt, but not for writing it, refuses a call that may write it', async () => {
    server.script({ text: 'Done.' });
    for (const promptCache of ['5m', false] as const) {
      const { tools: _tools, ...plain } = MORE;
      const more = { maxTokens: 100, promptCache, apiKey: 'k', baseURL: server.url };
      await using orchestrator = new AsyncOrchestrator({
        agents: { helper: anthropic({ ...plain, ...more }) },
        // The input costs about 0.041 dollars, and 0.051 if it is written.
        budget: { usd: 0.045 },
      });
      const code = await orchestrator.execute('helper', 'Find it.').then(
        () => 'answered',
        (error: { code: string }) => error.code,
      );
      expect(code).toBe(promptCache === false ? 'answered' : 'TUTTI_BUDGET_EXCEEDED');
    }
  });

  test('a budget reserves a prompt at the price of writing it', async () => {
    server.script({ text: 'Done.' });
    const agent = anthropic({ ...MORE, maxTokens: 1_000, apiKey: 'k', baseURL: server.url });
    const { provider } = agent;
    const tokens = { inputTokens: 100_000, outputTokens: 1_000 };
    expect(provider?.maxCostUsd?.(MODEL, tokens)).toBe(0.39);
    expect(provider?.maxCostUsd?.(MODEL, { ...tokens, inputTokens: 1_000 })).toBe(0.018);
    const hour = anthropic({ ...MORE, promptCache: '1h', apiKey: 'k' }).provider;
    expect(hour?.maxCostUsd?.(MODEL, tokens)).toBe(0.615);
    const off = anthropic({ ...MORE, promptCache: false, apiKey: 'k' }).provider;
    expect(off?.maxCostUsd?.(MODEL, tokens)).toBe(0.315);
    await provider?.close?.();
  });
});

test('a lifetime that does not exist is refused', () => {
  expect(() => anthropic({ model: MODEL, promptCache: '2h' as never })).toThrow(
    /promptCache.*"5m" or "1h", or false/,
  );
});

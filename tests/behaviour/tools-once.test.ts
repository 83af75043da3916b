// Covers: src/providers/model/tool-progress.ts, src/providers/model/tool-conversation.ts, src/contracts/call-ledger.ts
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import type { StreamEvent } from '../../src/contracts/stream-event.js';
import { AsyncOrchestrator } from '../../src/orchestrator/async-orchestrator.js';
import { anthropic } from '../../src/providers/anthropic/anthropic.js';
import { openai } from '../../src/providers/openai/openai.js';
import {
  type ModelScript,
  type ModelServer,
  startModelServer,
} from '../../src/testing/model-server/model-server.js';
import type { ScriptedAnswer } from '../../src/testing/model-server/scripted-answer.js';

let server: ModelServer;
beforeEach(async () => {
  server = await startModelServer();
});
afterEach(() => server.close());

const retry = { minDelayMs: 1, maxDelayMs: 2, factor: 1, jitter: 'none' as const };
const usage = { inputTokens: 1_000, outputTokens: 100 };

/** A tool that counts how often it runs. */
function counter() {
  const effects: string[] = [];
  const tools = {
    book: {
      description: 'Books a seat',
      input: z.object({ seat: z.string() }),
      run: ({ seat }: { seat: string }) => {
        effects.push(seat);
        return `booked ${seat}`;
      },
    },
  };
  return { effects, tools };
}

const booking = (seat: string): ScriptedAnswer => ({
  text: `Booking ${seat}. `,
  toolCalls: [{ id: `call_${seat}`, name: 'book', input: { seat } }],
  usage,
});
const done: ScriptedAnswer = { text: 'Done.', usage };
const claude = (options: object) =>
  anthropic({ model: 'claude-sonnet-4-5', apiKey: 'k', baseURL: server.url, ...options });
const gpt = (options: object) =>
  openai({ model: 'gpt-4.1', apiKey: 'k', baseURL: server.openaiURL, ...options });

function lastBody<Message>(): { messages: Message[] } {
  return server.requests.at(-1)?.body as unknown as { messages: Message[] };
}

/** Answers by how many tool results a request has; before each answer, what `faults` says for that many. */
function scripted(answers: readonly ScriptedAnswer[], faults: Record<number, ScriptedAnswer[]>): ModelScript {
  const left = new Map(Object.entries(faults).map(([step, list]) => [Number(step), [...list]]));
  return ({ body }) => {
    const step = JSON.stringify(body).match(/call_[A-Z]\d?"/g)?.length ?? 0;
    const finished = Math.floor(step / 2);
    return left.get(finished)?.shift() ?? (answers[finished] as ScriptedAnswer);
  };
}

describe('a model request that fails after tools have run', () => {
  test.each([
    ['messages', claude],
    ['chat', gpt],
  ] as const)('over %s is made again alone', async (_api, make) => {
    const { effects, tools } = counter();
    await using orchestrator = new AsyncOrchestrator({ agents: { clerk: make({ tools }) }, retry });
    server.script(
      scripted([booking('A'), booking('B'), done], { 1: [{ status: 529 }], 2: [{ status: 529 }] }),
    );
    const result = await orchestrator.execute('clerk', 'Book A and B.');
    expect(effects).toEqual(['A', 'B']);
    expect(result).toMatchObject({
      output: 'Done.',
      attempts: 3,
      usage: { inputTokens: 3_000, outputTokens: 300 },
    });
    expect(result.steps?.map(({ text }) => text)).toEqual(['Booking A. ', 'Booking B. ', 'Done.']);
    expect(server.requests).toHaveLength(5);
    expect(result.costUsd).toBeGreaterThan(0);
  });

  test('counts what finished steps used once, in a failure too', async () => {
    const { effects, tools } = counter();
    await using orchestrator = new AsyncOrchestrator({ agents: { clerk: claude({ tools }) }, retry });
    server.script(scripted([booking('A'), done], { 1: Array(9).fill({ status: 529 }) }));
    const [failure] = await orchestrator.executeMultiple([['clerk', 'Book A.']]);
    expect(failure).toMatchObject({ success: false, attempts: 3, usage: { inputTokens: 1_000 } });
    expect(effects).toEqual(['A']);
    expect(server.requests).toHaveLength(4);
  });

  test('goes on at a fallback of another provider, with what was finished', async () => {
    const { effects, tools } = counter();
    await using orchestrator = new AsyncOrchestrator({
      agents: { clerk: claude({ tools, fallbacks: ['deputy'] }), deputy: gpt({ tools }) },
      retry,
      maxRetries: 1,
    });
    server.script(({ api, body }) => {
      if (api === 'chat') return done;
      return JSON.stringify(body).includes('tool_result') ? { status: 529 } : booking('A');
    });
    const result = await orchestrator.execute('clerk', 'Book A.');
    expect(result.output).toBe('Done.');
    expect(effects).toEqual(['A']);
    expect(server.requests.at(-1)).toMatchObject({
      api: 'chat',
      body: {
        messages: [
          { role: 'user', content: 'Book A.' },
          { role: 'assistant', tool_calls: [{ id: 'call_A' }] },
          { role: 'tool', tool_call_id: 'call_A', content: 'booked A' },
        ],
      },
    });
  });

  test('tells a fallback without the tools in words what they have done', async () => {
    const { effects, tools } = counter();
    await using orchestrator = new AsyncOrchestrator({
      agents: { clerk: claude({ tools, fallbacks: ['deputy'] }), deputy: gpt({}) },
      retry,
      maxRetries: 0,
    });
    server.script(({ api, body }) => {
      if (api === 'chat') return done;
      return JSON.stringify(body).includes('tool_result') ? { status: 529 } : booking('A');
    });
    const result = await orchestrator.execute('clerk', 'Book A.');
    expect(result.output).toBe('Done.');
    expect(effects).toEqual(['A']);
    const { messages } = lastBody<{ content: string }>();
    expect(messages.at(-1)?.content).toContain('book({"seat":"A"}) returned: booked A');
  });

  test('leaves an answer that was rejected where it is, and repeats no tool for the repair', async () => {
    const { effects, tools } = counter();
    const agent = claude({
      tools,
      output: z.object({ seat: z.string() }),
      repairs: 1,
      structuredOutput: false,
    });
    await using orchestrator = new AsyncOrchestrator({ agents: { clerk: agent }, retry });
    const answers = [
      booking('A'),
      { text: 'no JSON', usage },
      { status: 529 },
      { text: '{"seat":"A"}', usage },
    ];
    server.script(() => answers.shift() as ScriptedAnswer);
    const result = await orchestrator.execute('clerk', 'Book A.');
    expect(result).toMatchObject({ data: { seat: 'A' }, attempts: 2, usage: { inputTokens: 3_000 } });
    expect(effects).toEqual(['A']);
    expect(server.requests).toHaveLength(4);
    const { messages } = lastBody<{ role: string }>();
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user', 'assistant', 'user']);
  });
});

describe('a stream', () => {
  test('goes on behind its finished steps when a later request fails', async () => {
    const { effects, tools } = counter();
    await using orchestrator = new AsyncOrchestrator({ agents: { clerk: claude({ tools }) }, retry });
    server.script(
      scripted([booking('A'), booking('B'), done], { 1: [{ status: 529 }], 2: [{ status: 529 }] }),
    );
    const events: StreamEvent[] = [];
    const stream = orchestrator.stream('clerk', 'Book A and B.');
    for await (const event of stream) events.push(event);
    expect(effects).toEqual(['A', 'B']);
    expect(events.filter(({ type }) => type !== 'usage')).toEqual([
      { type: 'text-delta', text: 'Booking A. ' },
      { type: 'tool-call', id: 'call_A', name: 'book', input: { seat: 'A' } },
      { type: 'tool-result', id: 'call_A', name: 'book', output: 'booked A', isError: false },
      { type: 'text-delta', text: 'Booking B. ' },
      { type: 'tool-call', id: 'call_B', name: 'book', input: { seat: 'B' } },
      { type: 'tool-result', id: 'call_B', name: 'book', output: 'booked B', isError: false },
      { type: 'text-delta', text: 'Done.' },
      { type: 'finish', finishReason: 'stop' },
    ]);
    expect(await stream.result).toMatchObject({
      output: 'Booking A. Booking B. Done.',
      attempts: 3,
      usage: { inputTokens: 3_000 },
    });
  });

  test('fails when a step is cut that was given out in part', async () => {
    const { effects, tools } = counter();
    await using orchestrator = new AsyncOrchestrator({ agents: { clerk: claude({ tools }) }, retry });
    server.script(scripted([booking('A'), done], { 1: [{ ...done, fault: 'cut-stream' }] }));
    const stream = orchestrator.stream('clerk', 'Book A.');
    await expect(stream.result).rejects.toMatchObject({ details: { endedBecause: 'stream-started' } });
    expect(effects).toEqual(['A']);
    expect(server.requests).toHaveLength(2);
  });
});

describe('attempts that race', () => {
  test('share finished steps and run each tool once', async () => {
    const { effects, tools } = counter();
    const agent = claude({ tools, idempotent: true });
    await using orchestrator = new AsyncOrchestrator({
      agents: { clerk: agent },
      hedge: { afterMs: 30, maxExtraRatio: 1 },
      maxRetries: 0,
    });
    let asked = 0;
    server.script(({ body }) => {
      asked += 1;
      if (JSON.stringify(body).includes('tool_result')) return done;
      // Both ask for the same step, and get different answers at nearly the same time.
      return { ...booking(asked === 1 ? 'A' : 'B'), delayMs: asked === 1 ? 150 : 100 };
    });
    const result = await orchestrator.execute('clerk', 'Book one seat.');
    expect(result).toMatchObject({ output: 'Done.', attempts: 2 });
    expect(orchestrator.stats().hedges).toBe(1);
    expect(effects).toHaveLength(1);
  });
});

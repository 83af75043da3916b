import { afterEach, describe, expect, test } from '@jest/globals';
import type { Provider, ProviderRequest } from '../../../src/contracts/provider.js';
import type { StreamEvent } from '../../../src/contracts/stream-event.js';
import { AsyncOrchestrator, type AsyncOrchestratorOptions, defineAgent } from '../../../src/index.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { rejection, wait } from '../../behaviour/scripted-agents.js';

const TIMEOUT_MS = 1_000;
const LONG_WAIT_MS = 60_000;

let clock: FakeClock;
const opened: AsyncOrchestrator[] = [];

afterEach(async () => {
  for (const orchestrator of opened.splice(0)) await orchestrator.close();
  expect(clock.pendingTimers).toBe(0);
});

/** An orchestrator with one agent, whose provider does what `generate` says, also when it is asked for a stream. */
function open(
  generate: (request: ProviderRequest) => AsyncGenerator<StreamEvent>,
  options: AsyncOrchestratorOptions = {},
): AsyncOrchestrator<Record<string, never>> {
  clock = new FakeClock();
  const provider: Provider = {
    specificationVersion: 1,
    name: 'waiting',
    generate: async (request) => {
      for await (const event of generate(request))
        if (event.type === 'text-delta') return { output: event.text };
      return { output: '' };
    },
    stream: generate,
  };
  const agent = defineAgent({ name: 'agent', provider });
  const orchestrator = new AsyncOrchestrator({
    clock,
    timeoutMs: TIMEOUT_MS,
    maxRetries: 0,
    ...options,
    agents: [agent],
  });
  opened.push(orchestrator);
  return orchestrator as never;
}

async function waitBeforeSending(request: ProviderRequest, waitMs: number): Promise<void> {
  const resume = request.onWait?.();
  await wait(clock, waitMs);
  resume?.();
}

const text = (value: string): StreamEvent => ({ type: 'text-delta', text: value });
const finish: StreamEvent = { type: 'finish', finishReason: 'stop' };

describe('a request that waits before it can be sent', () => {
  test('does not use up its attempt’s timeout, and the wait is time in the queue', async () => {
    const orchestrator = open(async function* (request) {
      await wait(clock, 300);
      await waitBeforeSending(request, LONG_WAIT_MS);
      await wait(clock, 600);
      yield text('answer');
    });
    const call = orchestrator.execute('agent', 'task');
    await clock.advance(LONG_WAIT_MS + 900);
    expect(await call).toMatchObject({ output: 'answer', timings: { queuedMs: LONG_WAIT_MS, runMs: 900 } });
  });

  test('leaves the attempt the rest of its timeout', async () => {
    const orchestrator = open(async function* (request) {
      await wait(clock, 300);
      await waitBeforeSending(request, LONG_WAIT_MS);
      await wait(clock, TIMEOUT_MS);
      yield text('too late');
    });
    const failed = rejection(orchestrator.execute('agent', 'task'));
    let isOver = false;
    void failed.then(() => {
      isOver = true;
    });
    await clock.advance(LONG_WAIT_MS + TIMEOUT_MS - 1);
    expect(isOver).toBe(false);
    await clock.advance(1);
    expect(await failed).toMatchObject({ code: 'TUTTI_TIMEOUT', scope: 'attempt', timeoutMs: TIMEOUT_MS });
    await clock.advance(TIMEOUT_MS);
  });

  test('is ended by the deadline of its call and by its signal', async () => {
    const orchestrator = open(async function* (request) {
      await waitBeforeSending(request, LONG_WAIT_MS);
      yield text('too late');
    });
    const controller = new AbortController();
    const expired = rejection(orchestrator.execute('agent', 'task', { deadlineMs: 5_000 }));
    const aborted = rejection(orchestrator.execute('agent', 'task', { signal: controller.signal }));
    await clock.advance(5_000);
    controller.abort();
    expect(await expired).toMatchObject({ code: 'TUTTI_TIMEOUT', scope: 'deadline' });
    expect(await aborted).toMatchObject({ code: 'TUTTI_CANCELLED', attempt: 1 });
    await clock.advance(LONG_WAIT_MS);
  });

  test('counts until the last of several requests need not wait', async () => {
    const orchestrator = open(async function* (request) {
      await Promise.all([waitBeforeSending(request, 5_000), waitBeforeSending(request, 8_000)]);
      await wait(clock, TIMEOUT_MS - 1);
      yield text('answer');
    });
    const call = orchestrator.execute('agent', 'task');
    await clock.advance(8_000 + TIMEOUT_MS);
    expect(await call).toMatchObject({ timings: { queuedMs: 8_000, runMs: TIMEOUT_MS - 1 } });
  });

  test('may say twice that its wait has ended', async () => {
    const orchestrator = open(async function* (request) {
      const resume = request.onWait?.();
      await wait(clock, 5_000);
      resume?.();
      resume?.();
      yield text('answer');
    });
    const call = orchestrator.execute('agent', 'task');
    await clock.advance(5_000);
    expect(await call).toMatchObject({ timings: { queuedMs: 5_000, runMs: 0 } });
  });
});

describe('a request that is written to its connection', () => {
  test('has the whole timeout from then on, once', async () => {
    const orchestrator = open(async function* (request) {
      for (const time of [700, 700, 700]) {
        await wait(clock, time);
        request.onSent?.();
      }
      yield text('too late');
    });
    const failed = rejection(orchestrator.execute('agent', 'task'));
    await clock.advance(700 + TIMEOUT_MS);
    expect(await failed).toMatchObject({ code: 'TUTTI_TIMEOUT', scope: 'attempt' });
    await clock.advance(TIMEOUT_MS);
  });

  test('has to be written within the timeout', async () => {
    const orchestrator = open(async function* () {
      await wait(clock, TIMEOUT_MS + 1);
      yield text('never connected');
    });
    const failed = rejection(orchestrator.execute('agent', 'task'));
    await clock.advance(TIMEOUT_MS);
    expect(await failed).toMatchObject({ code: 'TUTTI_TIMEOUT', scope: 'attempt' });
    await clock.advance(1);
  });
});

describe('a stream whose request waits before it can be sent', () => {
  test.each([
    ['firstTokenMs', { firstTokenMs: 500 }],
    ['idleMs', { idleMs: 500 }],
  ])('does not use up its %s', async (_name, timeouts) => {
    const orchestrator = open(
      async function* (request) {
        await waitBeforeSending(request, LONG_WAIT_MS);
        await wait(clock, 499);
        yield text('a');
        await waitBeforeSending(request, LONG_WAIT_MS);
        await wait(clock, 499);
        yield text('b');
        yield finish;
      },
      { timeouts },
    );
    const stream = orchestrator.stream('agent', 'task');
    await clock.advance(2 * LONG_WAIT_MS + 998);
    expect(await stream.result).toMatchObject({ output: 'ab' });
  });

  test.each([
    ['first-token', { firstTokenMs: 500 }, 0],
    ['idle', { idleMs: 500 }, 1],
  ])('keeps the rest of its clock %s', async (scope, timeouts, textsBefore) => {
    const orchestrator = open(
      async function* (request) {
        for (let sent = 0; sent < textsBefore; sent += 1) yield text('a');
        await wait(clock, 300);
        await waitBeforeSending(request, LONG_WAIT_MS);
        await wait(clock, 200);
        yield text('too late');
      },
      { timeouts },
    );
    const failed = rejection(orchestrator.stream('agent', 'task').result);
    await clock.advance(LONG_WAIT_MS + 500);
    expect(await failed).toMatchObject({ code: 'TUTTI_TIMEOUT', scope, timeoutMs: 500 });
    await clock.advance(TIMEOUT_MS);
  });
});

import { afterEach, describe, expect, test } from '@jest/globals';
import { AsyncOrchestrator } from '../../src/orchestrator/async-orchestrator.js';
import { HeldStream, httpError, rejection, textOf, turn } from './held-agent.js';
import { closeAll, openWith, Service } from './traffic-orchestrator.js';

afterEach(closeAll);

function failingWith(status: number) {
  return new Service(() => {
    throw httpError(status);
  });
}

function pair(status: number, options: object = {}) {
  const primary = failingWith(status);
  const other = new Service(() => ({ output: 'from the other', usage: { inputTokens: 1, outputTokens: 1 } }));
  const opened = openWith([primary, other], {
    agents: [
      primary.agent('agent', { model: 'big', fallbacks: ['other'] }),
      other.agent('other', { model: 'small' }),
    ],
    maxRetries: 1,
    retry: { jitter: 'none' },
    ...options,
  });
  return { ...opened, primary, other };
}

describe('fallbacks', () => {
  test.each([429, 500, 503, 529, 408])(
    'answer after retries where the agent fails with %i',
    async (status) => {
      const { orchestrator, clock, primary } = pair(status);
      const events: unknown[] = [];
      orchestrator.on('call:fallback', ({ from, to, errorCode }) => void events.push([from, to, errorCode]));
      const call = orchestrator.execute('agent', 'task');
      await clock.advance(5_000);
      expect(await call).toMatchObject({
        agent: 'agent',
        output: 'from the other',
        model: 'small',
        attempts: 3,
      });
      expect(primary.asked).toHaveLength(2);
      expect(events).toEqual([['agent', 'other', 'TUTTI_RETRIES_EXHAUSTED']]);
      expect(orchestrator.stats()).toMatchObject({ fallbacks: 1, succeeded: 1, failed: 0 });
    },
  );

  test.each([400, 401, 403, 404, 422])('are not asked where the agent fails with %i', async (status) => {
    const { orchestrator, clock, other } = pair(status);
    const failed = rejection(orchestrator.execute('agent', 'task'));
    await clock.advance(5_000);
    expect((await failed).status).toBe(status);
    expect(other.asked).toHaveLength(0);
  });

  test('are not asked by a call that was cancelled or out of time', async () => {
    const { orchestrator, clock, other } = pair(500);
    const failed = rejection(orchestrator.execute('agent', 'task', { deadlineMs: 5 }));
    await clock.advance(5_000);
    expect(await failed).toMatchObject({ code: 'TUTTI_TIMEOUT', scope: 'deadline' });
    expect(other.asked).toHaveLength(0);
  });

  test('have the timeout and the instructions of their own', async () => {
    const primary = failingWith(500);
    const other = new Service(undefined, 300);
    const { orchestrator, clock } = openWith([primary, other], {
      agents: [
        primary.agent('agent', { fallbacks: ['other'], timeoutMs: 50 }),
        other.agent('other', { timeoutMs: 1_000, model: 'small', params: { depth: 1 } }),
      ],
      maxRetries: 0,
    });
    const call = orchestrator.execute('agent', 'task');
    await clock.advance(400);
    expect((await call).output).toBe('answer');
    expect(other.asked[0]?.context).toMatchObject({ agent: 'other', model: 'small', params: { depth: 1 } });
  });

  test('take over a stream before its first event only', async () => {
    const stream = new HeldStream();
    const other = new Service(() => 'from the other');
    const { orchestrator, clock } = openWith([other], {
      agents: [{ name: 'agent', run: stream.run, fallbacks: ['other'] }, other.agent('other')],
      maxRetries: 0,
    });
    const early = textOf(orchestrator.stream('agent', 'task'));
    await turn(10);
    stream.fail(httpError(500));
    await clock.advance(100);
    expect(await early).toBe('from the other');
    const started = orchestrator.stream('agent', 'task');
    const late = rejection(textOf(started));
    await turn(10);
    stream.give('half');
    await turn(10);
    stream.fail(httpError(500));
    await clock.advance(100);
    expect((await late).status).toBe(500);
    expect(other.asked).toHaveLength(1);
  });

  test('that no agent has are named where the agents are given, or at the first call of an agent that was added', async () => {
    const service = new Service();
    const misspelt = service.agent('agent', { fallbacks: ['othr'] });
    const wrong = { code: 'TUTTI_INVALID_ARGUMENT', field: 'agents.agent.fallbacks' };
    const message = expect.stringContaining('"othr", which no agent has. Did you mean "other"?');
    const agents = [misspelt, service.agent('other')];
    expect(() => new AsyncOrchestrator({ agents })).toThrow(expect.objectContaining({ ...wrong, message }));
    const { orchestrator } = openWith([service], { agents: [service.agent('other')] });
    orchestrator.agents.add(misspelt);
    expect(await rejection(orchestrator.execute('agent', 'task'))).toMatchObject({ ...wrong, message });
    expect(service.asked).toHaveLength(0);
  });

  test('that are removed meanwhile do not hide why the agent failed', async () => {
    const service = new Service(() => {
      throw httpError(500);
    });
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent', { fallbacks: ['other'] }), service.agent('other')],
      maxRetries: 0,
      maxConcurrent: 1,
    });
    const [first, waiting] = [1, 2].map(() => rejection(orchestrator.execute('agent', 'task')));
    orchestrator.agents.remove('other');
    await clock.advance(100);
    for (const error of [await first, await waiting]) expect(error).toMatchObject({ cause: { status: 500 } });
  });

  test("have their answers cached as their own, so that the agent's own may answer next time", async () => {
    let isDown = true;
    const primary = new Service(() => {
      if (isDown) throw httpError(500);
      return 'from the agent';
    });
    const other = new Service(() => 'from the other');
    const { orchestrator, clock } = openWith([primary, other], {
      agents: [
        primary.agent('agent', { model: 'big', fallbacks: ['other'] }),
        other.agent('other', { model: 'small' }),
      ],
      maxRetries: 0,
      cache: true,
    });
    const ask = async (agent: string) => {
      const call = orchestrator.execute(agent, 'task');
      await clock.advance(100);
      return await call;
    };
    expect(await ask('agent')).toMatchObject({ output: 'from the other', model: 'small', cached: false });
    expect(await ask('other')).toMatchObject({ output: 'from the other', model: 'small', cached: 'memory' });
    isDown = false;
    expect(await ask('agent')).toMatchObject({ output: 'from the agent', model: 'big', cached: false });
    expect(await ask('agent')).toMatchObject({ output: 'from the agent', cached: 'memory' });
  });

  test('that fail too fail the call with the error of the last one', async () => {
    const primary = failingWith(500);
    const last = failingWith(503);
    const { orchestrator, clock } = openWith([primary, last], {
      agents: [primary.agent('agent', { fallbacks: ['last'] }), last.agent('last')],
      maxRetries: 0,
    });
    const failed = rejection(orchestrator.execute('agent', 'task'));
    await clock.advance(100);
    expect((await failed).status).toBe(503);
  });

  test('are asked at once, and that is told, while the breaker of the agent is open or its provider asks for a long pause', async () => {
    const { orchestrator, clock, primary } = pair(500, {
      maxRetries: 0,
      breaker: { minimumCalls: 1, openMs: 1_000 },
    });
    const events: unknown[] = [];
    orchestrator.on('call:fallback', ({ from, to, errorCode }) => void events.push([from, to, errorCode]));
    for (let index = 0; index < 2; index += 1) {
      const call = orchestrator.execute('agent', 'task');
      await clock.advance(100);
      expect((await call).output).toBe('from the other');
    }
    expect(primary.asked).toHaveLength(1);
    expect(events).toEqual([
      ['agent', 'other', 'TUTTI_AGENT_FAILED'],
      ['agent', 'other', 'TUTTI_CIRCUIT_OPEN'],
    ]);

    const paused = new Service(() => {
      throw Object.assign(httpError(429), { headers: { 'retry-after': '120' } });
    });
    const other = new Service();
    const second = openWith([paused, other], {
      agents: [paused.agent('agent', { fallbacks: ['other'] }), other.agent('other')],
      limits: { requestsPerMinute: 100 },
    });
    const codes: unknown[] = [];
    second.orchestrator.on('call:fallback', ({ errorCode }) => void codes.push(errorCode));
    for (let index = 0; index < 2; index += 1) {
      const call = second.orchestrator.execute('agent', 'task');
      await second.clock.advance(100);
      expect((await call).output).toBe('answer');
    }
    expect(paused.asked).toHaveLength(1);
    expect(codes).toEqual(['TUTTI_AGENT_FAILED', 'TUTTI_RATE_LIMITED']);
    expect(second.orchestrator.stats().fallbacks).toBe(2);
  });
});

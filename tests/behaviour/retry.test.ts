// Covers: src/calls/retries.ts
import { describe, expect, test } from '@jest/globals';
import {
  AgentError,
  AsyncOrchestrator,
  type AsyncOrchestratorOptions,
  CancelledError,
  defineAgent,
  InvalidArgumentError,
  OutputError,
  QueueFullError,
  RetriesExhaustedError,
  TimeoutError,
  type TuttiError,
  type TuttiEvents,
} from '../../src/index.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { hang, httpError, plainTimerMs, rejection, rejectionOf, waitOrAbort } from './scripted-agents.js';

const quick = { minDelayMs: 1_000, jitter: 'none' } as const;
/** How many attempts an agent gets that always throws this, and what the caller gets. */
async function attemptsFor(
  thrown: unknown,
  options: AsyncOrchestratorOptions = {},
): Promise<{ attempts: number; error: TuttiError; tookMs: number }> {
  const clock = new FakeClock();
  let attempts = 0;
  let tookMs = 0;
  const orchestrator = new AsyncOrchestrator({
    clock,
    ...options,
    agents: {
      failing: async () => {
        attempts += 1;
        throw thrown;
      },
    },
  });
  const failing = rejection(orchestrator.execute('failing', 't')).finally(() => {
    tookMs = clock.now();
  });
  await clock.advance(10_000_000);
  return { attempts, error: (await failing) as TuttiError, tookMs };
}

const coded = (code: string): Error => Object.assign(new Error(code), { code });

describe('what an agent throws', () => {
  test.each([408, 409, 425, 429, 500, 502, 503, 504, 529, 599])(
    'is tried three times when its status is %i',
    async (status) => {
      const { attempts, error } = await attemptsFor(httpError(status));
      expect(attempts).toBe(3);
      expect(error).toBeInstanceOf(RetriesExhaustedError);
      expect((error as RetriesExhaustedError).errors.map((each) => [each.code, each.retryable])).toEqual([
        ['TUTTI_AGENT_FAILED', true],
        ['TUTTI_AGENT_FAILED', true],
        ['TUTTI_AGENT_FAILED', true],
      ]);
    },
  );

  test.each([200, 301, 400, 401, 402, 403, 404, 405, 410, 413, 422, 451, 600])(
    'is tried once, without any delay, when its status is %i',
    async (status) => {
      const { attempts, error, tookMs } = await attemptsFor(httpError(status));
      expect([attempts, tookMs]).toEqual([1, 0]);
      expect(error).toBeInstanceOf(AgentError);
      expect(error).toMatchObject({ retryable: false, status, attempt: 1, agent: 'failing' });
    },
  );

  test('may call its status `statusCode`', async () => {
    const carrier = (statusCode: number) => Object.assign(new Error('x'), { statusCode });
    expect((await attemptsFor(carrier(503))).attempts).toBe(3);
    expect((await attemptsFor(carrier(400))).attempts).toBe(1);
    expect((await attemptsFor(carrier(400))).error).toMatchObject({ status: 400 });
  });

  test.each([
    'ECONNRESET',
    'ECONNREFUSED',
    'ECONNABORTED',
    'ETIMEDOUT',
    'EPIPE',
    'ENOTFOUND',
    'EAI_AGAIN',
    'EHOSTUNREACH',
    'ENETUNREACH',
    'UND_ERR_SOCKET',
    'UND_ERR_CONNECT_TIMEOUT',
    'UND_ERR_HEADERS_TIMEOUT',
    'UND_ERR_BODY_TIMEOUT',
  ])('is tried three times when it is the network fault %s', async (code) => {
    expect((await attemptsFor(coded(code))).attempts).toBe(3);
    expect((await attemptsFor(new TypeError('fetch failed', { cause: coded(code) }))).attempts).toBe(3);
  });

  test.each(['ENOENT', 'EACCES', 'ERR_INVALID_ARG_TYPE', 'ENOSPC', 'SOMETHING'])(
    'is tried once when its code is %s',
    async (code) => {
      expect((await attemptsFor(coded(code))).attempts).toBe(1);
    },
  );

  test.each([
    new TypeError('x is not a function'),
    new TypeError('fetch failed', { cause: new TypeError('x is not a function') }),
    new Error('Connection error.', { cause: new ReferenceError('x is not defined') }),
    new RangeError('out of range'),
    new ReferenceError('x is not defined'),
    new SyntaxError('bad'),
    new Error('who knows'),
    'a string',
    undefined,
    null,
    7,
  ])('is tried once when it is a bug or says nothing: %p', async (thrown) => {
    const { attempts, tookMs, error } = await attemptsFor(thrown);
    expect([attempts, tookMs]).toEqual([1, 0]);
    expect(error).toMatchObject({ code: 'TUTTI_AGENT_FAILED', retryable: false });
    expect(error.cause).toBe(thrown);
  });

  test('is a network fault wherever fetch hides it', async () => {
    expect((await attemptsFor(new TypeError('fetch failed'))).attempts).toBe(3);
    expect((await attemptsFor(new TypeError('terminated'))).attempts).toBe(3);
    const client = new Error('Connection error.', {
      cause: new TypeError('fetch failed', { cause: coded('ECONNRESET') }),
    });
    expect((await attemptsFor(client)).attempts).toBe(3);
  });

  test('is a timeout by its name', async () => {
    const timeout = new DOMException('The operation was aborted due to timeout', 'TimeoutError');
    expect((await attemptsFor(timeout)).attempts).toBe(3);
    const abort = new DOMException('This operation was aborted', 'AbortError');
    expect((await attemptsFor(abort)).attempts).toBe(1);
  });

  test('decides for itself with a boolean `retryable`, whatever else it carries', async () => {
    expect((await attemptsFor(httpError(400, { retryable: true }))).attempts).toBe(3);
    expect((await attemptsFor(httpError(503, { retryable: false }))).attempts).toBe(1);
    expect((await attemptsFor({ retryable: true })).attempts).toBe(3);
    expect((await attemptsFor(httpError(400, { retryable: 'yes' }))).attempts).toBe(1);
  });

  test('may be added to what is retried by retry.when, which gets the thrown thing itself', async () => {
    const seen: unknown[] = [];
    const thrown = new Error('database is locked');
    const when = (error: unknown): boolean => {
      seen.push(error);
      return (error as Error).message.includes('locked');
    };
    const { attempts } = await attemptsFor(thrown, { retry: { ...quick, when } });
    expect(attempts).toBe(3);
    expect(seen).toEqual([thrown, thrown, thrown]);
    expect(seen[0]).toBe(thrown);
    expect((await attemptsFor(new Error('other'), { retry: { when } })).attempts).toBe(1);
    expect((await attemptsFor(httpError(400), { retry: { when: () => true } })).attempts).toBe(3);
  });

  test('is retried by its own word when retry.when says no', async () => {
    expect((await attemptsFor(httpError(503), { retry: { when: () => false } })).attempts).toBe(3);
    expect(
      (await attemptsFor(httpError(503, { retryable: false }), { retry: { when: () => true } })).attempts,
    ).toBe(1);
  });

  test('is not retried when retry.when throws, which is logged', async () => {
    const logged: unknown[] = [];
    const nothing = (): void => {};
    const failure = new Error('in when');
    const { attempts, error } = await attemptsFor(new Error('x'), {
      logger: { debug: nothing, info: nothing, warn: nothing, error: (fields) => logged.push(fields) },
      retry: {
        when: () => {
          throw failure;
        },
      },
    });
    expect([attempts, error.message]).toEqual([1, 'x']);
    expect(logged[0]).toEqual({ error: failure });
    expect(logged[1]).toMatchObject({ code: 'TUTTI_AGENT_FAILED', endedBecause: 'not-retryable' });
  });

  test('is passed on as it is when it is one of our errors', async () => {
    const own = new InvalidArgumentError('x', 'bad');
    const result = await attemptsFor(own);
    expect(result).toMatchObject({ attempts: 1 });
    expect(result.error).toBe(own);
    expect((await attemptsFor(new QueueFullError(1))).attempts).toBe(3);
    expect((await attemptsFor(new CancelledError({ agent: 'a', attempt: 1 }, 'x'))).attempts).toBe(1);
    expect((await attemptsFor(new TimeoutError('deadline', 1, { agent: 'a', attempt: 1 }))).attempts).toBe(1);
    expect((await attemptsFor(new TimeoutError('attempt', 1, { agent: 'a', attempt: 1 }))).attempts).toBe(3);
  });
});

describe('attempts', () => {
  test('are one more than maxRetries', async () => {
    for (const maxRetries of [0, 1, 2, 5]) {
      const { attempts, error } = await attemptsFor(httpError(503), { maxRetries });
      expect(attempts).toBe(maxRetries + 1);
      if (maxRetries === 0) expect(error).toBeInstanceOf(AgentError);
      else expect(error).toMatchObject({ attempts: maxRetries + 1 });
    }
  });

  test('end with the first error that cannot pass, which is what the caller gets', async () => {
    const clock = new FakeClock();
    const statuses = [503, 400, 200];
    const orchestrator = new AsyncOrchestrator({
      clock,
      agents: {
        mixed: () => {
          throw httpError(statuses.shift() as number);
        },
      },
    });
    const failing = rejectionOf(AgentError, orchestrator.execute('mixed', 't'));
    await clock.advance(1_000_000);
    expect(await failing).toMatchObject({ status: 400, attempt: 2 });
    expect(statuses).toEqual([200]);
  });

  test('of 1 s that fail at once and then work are not cut short by the first: each has its own time', async () => {
    const clock = new FakeClock();
    let attempts = 0;
    const orchestrator = new AsyncOrchestrator({
      clock,
      timeoutMs: 1_000,
      retry: { ...quick, minDelayMs: 5_000 },
      agents: {
        recovering: async (_task, { signal }) => {
          attempts += 1;
          if (attempts === 1) throw httpError(503);
          await waitOrAbort(clock, 900, signal);
          return 'ok';
        },
      },
    });
    const call = orchestrator.execute('recovering', 't');
    await clock.advance(5_900);
    expect(await call).toMatchObject({ attempts: 2, timings: { totalMs: 5_900, runMs: 900 } });
  });

  test('are made again after one that hung', async () => {
    const clock = new FakeClock();
    let attempts = 0;
    const orchestrator = new AsyncOrchestrator({
      clock,
      timeoutMs: 1_000,
      retry: quick,
      agents: {
        hangsOnce: async (_task, { signal }) => {
          attempts += 1;
          if (attempts === 1) await waitOrAbort(clock, 1_000_000, signal);
          return 'ok';
        },
      },
    });
    const call = orchestrator.execute('hangsOnce', 't');
    await clock.advance(2_000);
    expect(await call).toMatchObject({ success: true, attempts: 2 });
  });

  test('each have their number and a fresh signal', async () => {
    const clock = new FakeClock();
    const seen: Array<[number, AbortSignal]> = [];
    const orchestrator = new AsyncOrchestrator({
      clock,
      timeoutMs: 100,
      retry: quick,
      agents: {
        slow: (_task, { attempt, signal }) => {
          seen.push([attempt, signal]);
          return waitOrAbort(clock, 1_000, signal).then(() => '');
        },
      },
    });
    const failing = rejectionOf(RetriesExhaustedError, orchestrator.execute('slow', 't'));
    await clock.advance(100_000);
    const { errors } = await failing;
    expect(seen.map(([attempt]) => attempt)).toEqual([1, 2, 3]);
    expect(new Set(seen.map(([, signal]) => signal)).size).toBe(3);
    expect(seen.map(([, signal]) => signal.reason)).toEqual([...errors]);
    expect(errors.map((error) => (error as TimeoutError).attempt)).toEqual([1, 2, 3]);
    expect(orchestrator.stats()).toMatchObject({ timedOut: 1, failed: 1, attempts: 3, retries: 2 });
  });

  test('are not repeated for an answer that does not fit the schema', async () => {
    let attempts = 0;
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({
      clock,
      agents: [
        defineAgent({
          name: 'json',
          output: {
            safeParse: () => ({ success: false, error: { issues: [{ path: ['a', 0], message: 'no' }] } }),
          },
          run: () => {
            attempts += 1;
            return '{}';
          },
        }),
      ],
    });
    const error = await rejectionOf(OutputError, orchestrator.execute('json', 't'));
    expect(error).toMatchObject({ path: 'a.0', agent: 'json', retryable: false });
    expect(attempts).toBe(1);
  });
});

describe('backoff', () => {
  async function delays(thrown: unknown, options: AsyncOrchestratorOptions): Promise<number[]> {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({
      clock,
      ...options,
      agents: {
        failing: () => {
          throw thrown;
        },
      },
    });
    const retries: TuttiEvents['call:retry'][] = [];
    orchestrator.on('call:retry', (event) => retries.push(event));
    const starts: number[] = [];
    orchestrator.on('attempt:start', () => starts.push(clock.now()));
    const failing = rejection(orchestrator.execute('failing', 't'));
    await clock.advance(1_000_000_000);
    await failing;
    const waited = starts.slice(1).map((start, index) => start - (starts[index] as number));
    expect(waited.map(Math.round)).toEqual(retries.map((event) => Math.round(event.delayMs)));
    return waited;
  }

  test('doubles from minDelayMs up to maxDelayMs', async () => {
    const retry = { minDelayMs: 1_000, maxDelayMs: 5_000, jitter: 'none' } as const;
    expect(await delays(httpError(503), { maxRetries: 5, retry })).toEqual([
      1_000, 2_000, 4_000, 5_000, 5_000,
    ]);
    expect(await delays(httpError(503), { maxRetries: 3, retry: { ...retry, factor: 1 } })).toEqual([
      1_000, 1_000, 1_000,
    ]);
  });

  test('is spread from nothing to all of it by default', async () => {
    const waits: number[] = [];
    for (let round = 0; round < 100; round += 1)
      waits.push(...(await delays(httpError(503), { maxRetries: 1 })));
    expect(Math.max(...waits)).toBeLessThanOrEqual(1_000);
    expect(Math.max(...waits)).toBeGreaterThan(700);
    expect(Math.min(...waits)).toBeLessThan(300);
    expect(new Set(waits).size).toBeGreaterThan(90);
  });

  test.each([
    ['a record', { 'retry-after': '7' }],
    ['a record in capitals', { 'Retry-After': '7' }],
    ['a number in a record', { 'retry-after': 7 }],
    ['Headers', new Headers({ 'retry-after': '7' })],
    ['a Map', new Map([['retry-after', '7']])],
    ['milliseconds', { 'retry-after-ms': '7000', 'retry-after': '1' }],
    ['an HTTP date', { 'retry-after': new Date(Date.UTC(2026, 0, 1, 0, 0, 7)).toUTCString() }],
  ])('is at least what retry-after asks for in %s', async (_what, headers) => {
    const [first] = await delays(httpError(429, { headers }), { maxRetries: 1, retry: quick });
    expect(first).toBeGreaterThanOrEqual(7_000);
    expect(first).toBeLessThanOrEqual(7_000 * 1.25);
  });

  test('reads retryAfterMs and the headers of a response too', async () => {
    for (const extra of [{ retryAfterMs: 7_000 }, { response: { headers: { 'retry-after': '7' } } }]) {
      const [first] = await delays(httpError(429, extra), { maxRetries: 1, retry: quick });
      expect(first).toBeGreaterThanOrEqual(7_000);
      expect(first).toBeLessThanOrEqual(8_750);
    }
  });

  test('makes a 429 with retry-after 1 s wait 1.0 to 1.5 s, three attempts in all', async () => {
    const waits = await delays(httpError(429, { retryAfterMs: 1_000 }), { retry: { minDelayMs: 1 } });
    expect(waits).toHaveLength(2);
    for (const waited of waits) {
      expect(waited).toBeGreaterThanOrEqual(1_000);
      expect(waited).toBeLessThanOrEqual(1_500);
    }
  });

  test('is not shortened by a retry-after, and may exceed maxDelayMs for one', async () => {
    const short = { retryAfterMs: 10 };
    expect(await delays(httpError(429, short), { maxRetries: 1, retry: quick })).toEqual([1_000]);
    const [long] = await delays(httpError(429, { retryAfterMs: 60_000 }), { maxRetries: 1 });
    expect(long).toBeGreaterThanOrEqual(60_000);
  });

  test.each([['soon'], [''], ['-5'], [Number.NaN], [null], [{}]])(
    'ignores a retry-after of %p',
    async (value) => {
      expect(
        await delays(httpError(429, { headers: { 'retry-after': value } }), { maxRetries: 1, retry: quick }),
      ).toEqual([1_000]);
      expect(await delays(httpError(429, { retryAfterMs: value }), { maxRetries: 1, retry: quick })).toEqual([
        1_000,
      ]);
    },
  );

  test('ends the call at once with a deadline timeout when the next attempt could only come too late', async () => {
    const clock = new FakeClock();
    let attempts = 0;
    const orchestrator = new AsyncOrchestrator({
      clock,
      retry: { ...quick, minDelayMs: 2_000 },
      agents: {
        down: () => {
          attempts += 1;
          throw httpError(503);
        },
      },
    });
    const error = await rejectionOf(TimeoutError, orchestrator.execute('down', 't', { deadlineMs: 1_000 }));
    expect(error).toMatchObject({ scope: 'deadline', timeoutMs: 1_000, attempt: 1, cause: { status: 503 } });
    expect([attempts, clock.now(), clock.pendingTimers]).toEqual([1, 0, 0]);
  });
});

describe('deadlineMs', () => {
  test('ends a call against a full queue on time, without an attempt', async () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({
      clock,
      maxConcurrent: 1,
      agents: { hang, quick: () => '' },
    });
    const blocker = rejection(orchestrator.execute('hang', 't'));
    const error = rejectionOf(TimeoutError, orchestrator.execute('quick', 't', { deadlineMs: 1_000 }));
    await clock.advance(999);
    expect(orchestrator.stats().queued).toBe(1);
    await clock.advance(1);
    expect(await error).toMatchObject({ scope: 'deadline', timeoutMs: 1_000, agent: 'quick', attempt: 0 });
    expect(clock.now()).toBe(1_000);
    expect(orchestrator.stats()).toMatchObject({ queued: 0, timedOut: 1, attempts: 1 });
    await clock.advance(1_000_000);
    await blocker;
  });

  test('ends a call against a silent agent on time, after one attempt, although a timeout could be retried', async () => {
    const clock = new FakeClock();
    let attempts = 0;
    const orchestrator = new AsyncOrchestrator({
      clock,
      agents: {
        silent: () => {
          attempts += 1;
          return new Promise<string>(() => {});
        },
      },
    });
    const error = rejectionOf(TimeoutError, orchestrator.execute('silent', 't', { deadlineMs: 1_000 }));
    await clock.advance(1_000);
    expect(await error).toMatchObject({ scope: 'deadline', attempt: 1, retryable: false });
    await clock.advance(1_000_000);
    expect(attempts).toBe(1);
    expect(clock.pendingTimers).toBe(0);
  });

  test('covers waiting, attempts and backoff together', async () => {
    const clock = new FakeClock();
    let attempts = 0;
    const orchestrator = new AsyncOrchestrator({
      clock,
      maxRetries: 10,
      timeoutMs: 300,
      retry: { minDelayMs: 100, factor: 1, jitter: 'none' },
      agents: {
        silent: (_task, { signal }) => {
          attempts += 1;
          return waitOrAbort(clock, 10_000, signal).then(() => '');
        },
      },
    });
    const error = rejectionOf(TimeoutError, orchestrator.execute('silent', 't', { deadlineMs: 1_000 }));
    await clock.advance(1_000);
    expect(await error).toMatchObject({ scope: 'deadline', attempt: 3 });
    expect(attempts).toBe(3);
    expect(clock.pendingTimers).toBe(0);
  });

  test('holds in real time: against a full queue and a silent agent 1000 ms are 1000 ms', async () => {
    const orchestrator = new AsyncOrchestrator({ maxConcurrent: 1, abandonMs: 10, agents: { hang } });
    const startedAt = performance.now();
    const plain = plainTimerMs(1_000);
    const took = async (): Promise<number> => {
      const error = await rejectionOf(TimeoutError, orchestrator.execute('hang', 't', { deadlineMs: 1_000 }));
      expect(error.scope).toBe('deadline');
      return performance.now() - startedAt;
    };
    for (const ms of await Promise.all([took(), took()])) {
      expect(ms).toBeGreaterThanOrEqual(990);
      expect(ms - (await plain)).toBeLessThan(100);
    }
    expect(orchestrator.stats().attempts).toBe(1);
  });
});

describe('timeouts.queueMs', () => {
  test('ends the waiting for a permit, not the work', async () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({
      clock,
      maxConcurrent: 1,
      timeouts: { queueMs: 100 },
      agents: { slow: (_task, { signal }) => waitOrAbort(clock, 1_000, signal).then(() => 'ok') },
    });
    const running = orchestrator.execute('slow', 't');
    const waiting = rejectionOf(TimeoutError, orchestrator.execute('slow', 't'));
    const patient = orchestrator.execute('slow', 't', { timeouts: { queueMs: 1_500 } });
    await clock.advance(100);
    expect(await waiting).toMatchObject({ scope: 'queue', timeoutMs: 100, retryable: false, attempt: 0 });
    await clock.advance(2_000);
    expect((await running).success).toBe(true);
    expect((await patient).timings.queuedMs).toBe(1_000);
    expect(clock.pendingTimers).toBe(0);
  });

  test('counts anew for a retry, from the end of its backoff', async () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({
      clock,
      maxConcurrent: 1,
      retry: { minDelayMs: 500, jitter: 'none' },
      agents: [
        defineAgent({
          name: 'down',
          timeouts: { queueMs: 100 },
          run: () => {
            throw httpError(503);
          },
        }),
        defineAgent({
          name: 'slow',
          run: () => waitOrAbort(clock, 10_000, new AbortController().signal).then(() => ''),
        }),
      ],
    });
    const down = rejectionOf(TimeoutError, orchestrator.execute('down', 't'));
    const slow = orchestrator.execute('slow', 't');
    await clock.advance(599);
    expect(orchestrator.stats().queued).toBe(1);
    await clock.advance(1);
    expect(await down).toMatchObject({ scope: 'queue', attempt: 1 });
    expect(orchestrator.stats()).toMatchObject({ queued: 0, timedOut: 1 });
    await clock.advance(10_000);
    await slow;
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('timeoutMs', () => {
  test('answers in real time, within 1.1 s for 1 s, and aborts the signal', async () => {
    let isAborted = false;
    const orchestrator = new AsyncOrchestrator({
      timeoutMs: 1_000,
      maxRetries: 0,
      abandonMs: 10,
      agents: {
        never: (_task, { signal }) => {
          signal.addEventListener('abort', () => {
            isAborted = true;
          });
          return new Promise<string>(() => {});
        },
      },
    });
    const startedAt = performance.now();
    const plain = plainTimerMs(1_000);
    const error = await rejectionOf(TimeoutError, orchestrator.execute('never', 't'));
    const tookMs = performance.now() - startedAt;
    expect(tookMs).toBeGreaterThanOrEqual(990);
    expect(tookMs - (await plain)).toBeLessThan(100);
    expect(error).toMatchObject({ scope: 'attempt', agent: 'never', attempt: 1 });
    expect(isAborted).toBe(true);
  });
  test('does not count the time in the queue', async () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({
      clock,
      maxConcurrent: 1,
      timeoutMs: 100,
      agents: { slow: (_task, { signal }) => waitOrAbort(clock, 90, signal).then(() => 'ok') },
    });
    const calls = Array.from({ length: 5 }, () => orchestrator.execute('slow', 't'));
    await clock.advance(450);
    expect((await Promise.all(calls)).map((result) => result.timings.queuedMs)).toEqual([
      0, 90, 180, 270, 360,
    ]);
  });
});

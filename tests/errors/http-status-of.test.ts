import { describe, expect, test } from '@jest/globals';
import {
  AsyncOrchestrator,
  BudgetExceededError,
  CancelledError,
  ClosedError,
  ERROR_CODES,
  type ErrorCode,
  httpStatusOf,
  ProviderAuthError,
  ProviderRateLimitedError,
  RetriesExhaustedError,
  TimeoutError,
  TuttiError,
} from '../../src/index.js';
import { rejection } from '../behaviour/scripted-agents.js';

const call = { agent: 'a', attempt: 1 };

describe('httpStatusOf', () => {
  test('says by the code whose fault it is and whether to come back', () => {
    const refusal = { scope: 'tenant', owner: 'acme', unit: 'usd', limit: 1, left: 0, needed: 1 } as const;
    const statuses = [
      new CancelledError(call, 'its signal was aborted'),
      new ClosedError('orchestrator'),
      new TimeoutError('deadline', 5, call),
      new BudgetExceededError(refusal),
      new ProviderRateLimitedError('slow down', { provider: 'openai', status: 429 }),
    ].map(httpStatusOf);
    expect(statuses).toEqual([499, 503, 504, 429, 429]);
  });

  test('does not pass a wrong key of the server on as the fault of the client', () => {
    expect(httpStatusOf(new ProviderAuthError('no key', { provider: 'openai', status: 401 }))).toBe(500);
  });

  test('is that of the last error where all attempts failed', () => {
    const last = new TimeoutError('attempt', 5, call);
    expect(httpStatusOf(new RetriesExhaustedError('a', [last, last]))).toBe(504);
  });

  test('tells an invalid task, a task that is too long and an unknown agent apart', async () => {
    const orchestrator = new AsyncOrchestrator({ agents: { echo: (task) => task }, maxTaskChars: 10 });
    const statusOf = async (agent: string, task: string): Promise<number> =>
      httpStatusOf(await rejection(orchestrator.execute(agent, task)));
    expect(await statusOf('echo', '')).toBe(400);
    expect(await statusOf('echo', 'x'.repeat(11))).toBe(413);
    expect(await statusOf('nobody', 'x')).toBe(404);
  });

  test('is a status of an error for every code, and 500 for anything that is no TuttiError', () => {
    const codes: readonly ErrorCode[] = ERROR_CODES;
    for (const code of codes) {
      const status = httpStatusOf(new TuttiError(code, 'x'));
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(600);
    }
    for (const thrown of [new Error('x'), undefined, 'text', null]) expect(httpStatusOf(thrown)).toBe(500);
  });
});

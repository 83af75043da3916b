import { describe, expect, test } from '@jest/globals';
import {
  AgentError,
  CancelledError,
  OutputError,
  RetriesExhaustedError,
  TimeoutError,
} from '../../../src/errors/execution-errors.js';
import { InvalidArgumentError } from '../../../src/errors/input-errors.js';
import { QueueFullError } from '../../../src/errors/resilience-errors.js';
import {
  BudgetExceededError,
  CircuitOpenError,
  RateLimitedError,
} from '../../../src/errors/traffic-errors.js';
import { failureClassOf, isBreakdown, isTrouble } from '../../../src/resilience/retry/failure-class.js';
import { runWithFallbacks } from '../../../src/resilience/retry/fallback.js';

const CALL = { agent: 'a', attempt: 1 };
const ofStatus = (status: number) =>
  new AgentError(CALL, 'no', { retryable: false, cause: undefined, status });
const refusal = { scope: 'run', owner: 'r', unit: 'usd', limit: 1, left: 0, needed: 1 } as const;

describe('failureClassOf', () => {
  test.each([
    [ofStatus(429), 'rate-limited'],
    [ofStatus(529), 'overloaded'],
    [ofStatus(503), 'overloaded'],
    [ofStatus(500), 'server'],
    [ofStatus(408), 'timeout'],
    [ofStatus(504), 'timeout'],
    [ofStatus(401), 'auth'],
    [ofStatus(403), 'auth'],
    [ofStatus(400), 'request'],
    [ofStatus(302), 'other'],
    [{ statusCode: 502 }, 'server'],
    [new AgentError(CALL, 'reset', { retryable: true, cause: undefined }), 'network'],
    [new AgentError(CALL, 'bug', { retryable: false, cause: undefined }), 'other'],
    [new TimeoutError('attempt', 1, CALL), 'timeout'],
    [new TimeoutError('deadline', 1, CALL), 'deadline'],
    [new CancelledError(CALL, 'why'), 'cancelled'],
    [new OutputError('a', '', 'no JSON'), 'output'],
    [new RateLimitedError('l', 'wait-too-long', 'm', 5), 'rate-limited'],
    [new CircuitOpenError('l', 5), 'circuit-open'],
    [new BudgetExceededError(refusal), 'budget'],
    [new QueueFullError(1), 'overloaded'],
    [new InvalidArgumentError('f', 'm'), 'request'],
    [new RetriesExhaustedError('a', [ofStatus(500), ofStatus(429)]), 'rate-limited'],
    [{ code: 'TUTTI_PROVIDER_REFUSED' }, 'refused'],
    [undefined, 'other'],
    ['text', 'other'],
  ])('%s is %s', (error, expected) => {
    expect(failureClassOf(error)).toBe(expected);
  });

  test.each([
    ['rate-limited', true, false],
    ['overloaded', true, true],
    ['timeout', true, true],
    ['server', true, true],
    ['network', true, true],
    ['request', false, false],
    ['auth', false, false],
    ['circuit-open', false, false],
    ['deadline', false, false],
    ['cancelled', false, false],
    ['budget', false, false],
    ['other', false, false],
  ] as const)('%s may concern a whole lane: %s; is a breakdown: %s', (failure, mayConcernAll, isBroken) => {
    expect([isTrouble(failure), isBreakdown(failure)]).toEqual([mayConcernAll, isBroken]);
  });
});

describe('runWithFallbacks', () => {
  const failing = (errors: Record<string, Error>) => async (target: string) => {
    if (errors[target] !== undefined) throw errors[target];
    return `answer of ${target}`;
  };

  test('the first that answers wins, and every move is reported', async () => {
    const moves: string[] = [];
    const onFallback = (from: string, to: string) => void moves.push(`${from} → ${to}`);
    const run = failing({ one: ofStatus(429), two: ofStatus(500) });
    await expect(runWithFallbacks(['one', 'two', 'three'], run, { onFallback })).resolves.toBe(
      'answer of three',
    );
    expect(moves).toEqual(['one → two', 'two → three']);
  });

  test.each([429, 529, 500, 504])('after a %d the next is tried', async (status) => {
    await expect(runWithFallbacks(['one', 'two'], failing({ one: ofStatus(status) }))).resolves.toBe(
      'answer of two',
    );
  });

  test.each([
    ofStatus(400),
    ofStatus(401),
    new CancelledError(CALL, 'why'),
    new TimeoutError('deadline', 1, CALL),
  ])('after %s no other is tried', async (error) => {
    await expect(runWithFallbacks(['one', 'two'], failing({ one: error }))).rejects.toBe(error);
  });

  test('when all fail, the error of the last one asked is the answer', async () => {
    const run = failing({ one: ofStatus(429), two: ofStatus(500) });
    await expect(runWithFallbacks(['one', 'two'], run)).rejects.toMatchObject({ status: 500 });
  });

  test('targets that are not available are skipped, but never the last one', async () => {
    const asked: string[] = [];
    const run = async (target: string) => {
      asked.push(target);
      throw ofStatus(529);
    };
    const moves: string[] = [];
    const rules = {
      refusalOf: (target: string) => (target === 'two' ? undefined : new CircuitOpenError(target, 5)),
      onFallback: (from: string, to: string, error: Error) =>
        moves.push(`${from} ${to} ${failureClassOf(error)}`),
    };
    await expect(runWithFallbacks(['one', 'two', 'three', 'four'], run, rules)).rejects.toMatchObject({
      status: 529,
    });
    expect(asked).toEqual(['two', 'four']);
    expect(moves).toEqual(['one two circuit-open', 'two four overloaded']);
  });

  test('once part of the answer is out, no other is tried', async () => {
    const run = failing({ one: ofStatus(500) });
    await expect(runWithFallbacks(['one', 'two'], run, { hasStarted: () => true })).rejects.toMatchObject({
      status: 500,
    });
    await expect(runWithFallbacks(['one', 'two'], run, { hasStarted: () => false })).resolves.toBeDefined();
  });
});

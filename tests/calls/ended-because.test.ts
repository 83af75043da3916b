import { describe, expect, test } from '@jest/globals';
import type { Call } from '../../src/calls/call.js';
import { attemptsMade, explainEnd, noteEnd } from '../../src/calls/ended-because.js';
import {
  AgentError,
  CancelledError,
  OutputError,
  RetriesExhaustedError,
  TimeoutError,
} from '../../src/errors/execution-errors.js';
import { QueueFullError } from '../../src/errors/resilience-errors.js';
import {
  BudgetExceededError,
  CircuitOpenError,
  LaneDownError,
  RateLimitedError,
} from '../../src/errors/traffic-errors.js';
import { TuttiError } from '../../src/errors/tutti-error.js';

const AGENT = { agent: 'agent', attempt: 1 };
const agentError = (retryable: boolean) =>
  new AgentError(AGENT, 'HTTP 503', { retryable, cause: undefined, status: 503 });
const refusal = { scope: 'run', owner: 'r', unit: 'usd', limit: 1, left: 0, needed: 1 } as const;

/** The error after a call of this many attempts has ended with it. */
function ended<E extends TuttiError>(error: E, attempts = 1): E {
  noteEnd({ attempts } as Call, error);
  return error;
}

describe('noteEnd', () => {
  test.each([
    [new RetriesExhaustedError('agent', [agentError(true)]), 'attempts-used'],
    [agentError(true), 'attempts-used'],
    [new TimeoutError('attempt', 50, AGENT), 'attempts-used'],
    [new TimeoutError('first-token', 50, AGENT), 'attempts-used'],
    [new LaneDownError('lane', 5, new Error('refused')), 'lane-down'],
    [new TimeoutError('deadline', 50, AGENT), 'deadline'],
    [new TimeoutError('queue', 50, AGENT), 'deadline'],
    [new RateLimitedError('lane', 'wait-too-long', 'too long', 5), 'wait-too-long'],
    [new RateLimitedError('lane', 'too-large', 'too large', undefined), 'not-retryable'],
    [agentError(false), 'not-retryable'],
    [new TimeoutError('idle', 50, AGENT), 'not-retryable'],
    [new OutputError('agent', '', 'no JSON'), 'not-retryable'],
    [new CircuitOpenError('lane', 5), 'breaker-open'],
    [new BudgetExceededError(refusal), 'budget'],
    [new CancelledError(AGENT, 'its signal was aborted'), 'cancelled'],
    [new TuttiError('TUTTI_CLOSED', 'closed'), 'cancelled'],
  ])('%s ended its call because of %s', (error, because) => {
    expect(ended(error).details.endedBecause).toBe(because);
  });

  test('a call without an attempt has used none up', () => {
    expect(ended(new QueueFullError(5), 0).details.endedBecause).toBe('not-retryable');
  });

  test('says how many attempts were made where the error does not', () => {
    expect(ended(agentError(true)).message).toBe(
      'HTTP 503. 1 attempt was made, and maxRetries allows no more.',
    );
    expect(ended(agentError(true), 3).message).toBe(
      'HTTP 503. 3 attempts were made, and maxRetries allows no more.',
    );
    expect(ended(new RetriesExhaustedError('agent', [agentError(true)])).message).toBe(
      'All 1 attempts of agent "agent" failed. Last error: HTTP 503',
    );
    expect(ended(agentError(false)).message).toBe('HTTP 503');
  });

  test('keeps the reason that is known already, also when other calls end with the same error', () => {
    const error = ended(agentError(true), 2);
    const { message } = error;
    expect(ended(error, 7)).toMatchObject({ message, details: { endedBecause: 'attempts-used' } });
  });

  test('leaves an error alone that cannot be changed', () => {
    const error = new TuttiError('TUTTI_AGENT_FAILED', 'frozen', { details: Object.freeze({ own: 1 }) });
    expect(ended(error)).toMatchObject({ message: 'frozen', details: { own: 1 } });
  });
});

describe('explainEnd', () => {
  test('adds a sentence to the message and the reason to the details, once', () => {
    const error = agentError(true);
    expect(explainEnd(error, 'wait-too-long', 'It asks to wait 5 ms.')).toBe(error);
    explainEnd(error, 'stream-started', 'Another sentence.');
    expect(error.message).toBe('HTTP 503. It asks to wait 5 ms.');
    expect(error.details).toMatchObject({ endedBecause: 'wait-too-long', status: 503 });
  });

  test('does not double the full stop', () => {
    expect(explainEnd(new TuttiError('TUTTI_AGENT_FAILED', 'Gone. '), 'deadline', 'Late.').message).toBe(
      'Gone. Late.',
    );
  });
});

describe('attemptsMade', () => {
  test('says the number in words', () => {
    expect([0, 1, 2].map(attemptsMade)).toEqual([
      '0 attempts were made',
      '1 attempt was made',
      '2 attempts were made',
    ]);
  });
});

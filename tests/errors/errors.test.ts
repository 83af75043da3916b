import { runInNewContext } from 'node:vm';
import { describe, expect, test } from '@jest/globals';
import { AgentFileError } from '../../src/errors/agent-file-error.js';
import { ConfigError } from '../../src/errors/config-error.js';
import { asError, fieldOf, isErrorLike, messageOf } from '../../src/errors/foreign.js';
import { JsonlFileError } from '../../src/errors/jsonl-file-error.js';
import { PoolError } from '../../src/errors/pool-error.js';
import { StateFileError } from '../../src/errors/state-file-error.js';
import * as tutti from '../../src/index.js';
import {
  AgentError,
  CancelledError,
  ClosedError,
  DuplicateAgentError,
  ERROR_CODES,
  InvalidArgumentError,
  OutputError,
  QueueFullError,
  RetriesExhaustedError,
  StreamConsumedError,
  TaskSourceError,
  TimeoutError,
  TuttiError,
  UnknownAgentError,
} from '../../src/index.js';

const call = { agent: 'a', attempt: 2 };
const cause = new Error('the cause');
const PROVIDER = { provider: 'anthropic' };
const REFUSAL: tutti.BudgetRefusal = { scope: 'run', owner: '', unit: 'usd', limit: 1, left: 0, needed: 1 };
const agentError = new AgentError(call, 'HTTP 503', { retryable: true, cause, status: 503, retryAfterMs: 5 });

const every: Array<[TuttiError, string, boolean]> = [
  [new InvalidArgumentError('options.x', 'bad'), 'TUTTI_INVALID_ARGUMENT', false],
  [new UnknownAgentError('a', undefined, 3), 'TUTTI_UNKNOWN_AGENT', false],
  [new DuplicateAgentError('a'), 'TUTTI_DUPLICATE_AGENT', false],
  [new ClosedError('orchestrator'), 'TUTTI_CLOSED', false],
  [new CancelledError(call, 'its signal was aborted', { cause }), 'TUTTI_CANCELLED', false],
  [new TimeoutError('attempt', 10, call), 'TUTTI_TIMEOUT', true],
  [new RetriesExhaustedError('a', [agentError, agentError]), 'TUTTI_RETRIES_EXHAUSTED', false],
  [new QueueFullError(5), 'TUTTI_QUEUE_FULL', true],
  [new PoolError('pool', 'wait-timeout', 'wrong'), 'TUTTI_POOL', true],
  [agentError, 'TUTTI_AGENT_FAILED', true],
  [new OutputError('a', 'items.0', 'no'), 'TUTTI_OUTPUT_INVALID', false],
  [new tutti.ToolInDoubtError({ agent: 'a', tool: 't', key: 'k' }), 'TUTTI_TOOL_IN_DOUBT', false],
  [new tutti.ApprovalRequiredError('a', []), 'TUTTI_APPROVAL_REQUIRED', false],
  [new tutti.CallNotRecordedError('c-1', true), 'TUTTI_CALL_NOT_RECORDED', false],
  [new tutti.HookError('a', 'before', 'broken', cause), 'TUTTI_HOOK', false],
  [new StreamConsumedError('a'), 'TUTTI_STREAM_CONSUMED', false],
  [new TaskSourceError([], 0, cause), 'TUTTI_TASK_SOURCE_FAILED', false],
  [new tutti.StreamLaggedError(1), 'TUTTI_STREAM_LAGGED', true],
  [new tutti.DatabaseError('busy', 'file', 'wrong'), 'TUTTI_DATABASE', true],
  [new tutti.CacheStoreError('disk', 'get', 'wrong'), 'TUTTI_CACHE_STORE', true],
  [new ConfigError('TUTTI_CACHE', 'cache', 'wrong'), 'TUTTI_CONFIG', false],
  [new StateFileError('missing', 'state.json', 'gone'), 'TUTTI_STATE_FILE', false],
  [new AgentFileError('agent.md', 1, 'wrong'), 'TUTTI_AGENT_FILE', false],
  [new JsonlFileError('tasks.jsonl', 1, 'wrong'), 'TUTTI_JSONL_FILE', false],
  [new tutti.MissingPackageError('openai', 'openai()', 'openai@6'), 'TUTTI_MISSING_PACKAGE', false],
  [new tutti.ProviderRateLimitedError('wrong', PROVIDER), 'TUTTI_PROVIDER_RATE_LIMITED', true],
  [new tutti.ProviderOverloadedError('wrong', PROVIDER), 'TUTTI_PROVIDER_OVERLOADED', true],
  [new tutti.ProviderNetworkError('wrong', PROVIDER), 'TUTTI_PROVIDER_NETWORK', true],
  [new tutti.ProviderTimeoutError('wrong', PROVIDER), 'TUTTI_PROVIDER_TIMEOUT', true],
  [new tutti.ProviderAuthError('wrong', PROVIDER), 'TUTTI_PROVIDER_AUTH', false],
  [new tutti.ProviderRequestError('wrong', PROVIDER), 'TUTTI_PROVIDER_REQUEST', false],
  [new tutti.ProviderResponseError('wrong', PROVIDER), 'TUTTI_PROVIDER_RESPONSE', false],
  [new tutti.ProviderRefusalError('wrong', PROVIDER), 'TUTTI_PROVIDER_REFUSAL', false],
  [new tutti.RateLimitedError('lane', 'wait-too-long', 'wait', 1), 'TUTTI_RATE_LIMITED', true],
  [new tutti.CircuitOpenError('lane', 1), 'TUTTI_CIRCUIT_OPEN', true],
  [new tutti.LaneDownError('lane', 1, new Error('refused')), 'TUTTI_LANE_DOWN', true],
  [new tutti.BudgetExceededError(REFUSAL), 'TUTTI_BUDGET_EXCEEDED', false],
  [new tutti.RunChangedError('run', 0, ['task'], 'task 0 differs'), 'TUTTI_RUN_CHANGED', false],
  [new tutti.RunBusyError('run', 'path'), 'TUTTI_RUN_BUSY', true],
  [new tutti.RunStoppedError({ runId: 'run', tasksRead: 1, total: 2 }), 'TUTTI_RUN_STOPPED', false],
  [new tutti.RunJournalError({ runId: 'run', path: 'path' }, 'full', 'wrong'), 'TUTTI_RUN_JOURNAL', false],
];

describe('every error', () => {
  test.each(every)(
    '%s has its code, name and stack, and knows whether it can pass',
    (error, code, retryable) => {
      expect(error.code).toBe(code);
      expect(ERROR_CODES).toContain(error.code);
      expect(error.retryable).toBe(retryable);
      expect(error).toBeInstanceOf(TuttiError);
      expect(error).toBeInstanceOf(Error);
      expect(TuttiError.isInstance(error)).toBe(true);
      expect(error.name).toBe(error.constructor.name);
      expect(error.stack).toContain(error.name);
      expect(String(error)).toBe(`${error.name}: ${error.message}`);
      expect(error.message).toMatch(/\S/);
      expect(Object.keys(error)).not.toContain('name');
    },
  );

  test.each(every)('%s goes into a log as plain JSON', (error) => {
    const json = JSON.parse(JSON.stringify(error));
    expect(json).toMatchObject({
      name: error.name,
      code: error.code,
      message: error.message,
      retryable: error.retryable,
    });
    expect(json).not.toHaveProperty('stack');
    expect(structuredClone(error.details)).toEqual(error.details);
  });

  test('class of the package is in the list, and the codes they use are the closed list, apart from none', () => {
    const classes = Object.values(tutti).filter(
      (value) =>
        typeof value === 'function' && value !== tutti.ProviderError && value.prototype instanceof TuttiError,
    );
    const tested = new Set(every.map(([error]) => error.constructor));
    for (const errorClass of classes) expect(tested).toContain(errorClass);
    expect(new Set(ERROR_CODES).size).toBe(ERROR_CODES.length);
    for (const [error] of every) expect(error.code).toMatch(/^TUTTI_[A-Z_]+$/);
  });

  test('is recognised across realms and copies by its brand, not its class', () => {
    const brand = Symbol.for('tutti.error');
    const elsewhere = runInNewContext(
      'class TuttiError extends Error { get [brand]() { return true; } } new TuttiError("x")',
      { brand },
    );
    expect(elsewhere instanceof Error).toBe(false);
    expect(TuttiError.isInstance(elsewhere)).toBe(true);
    for (const other of [undefined, null, 'TuttiError', 7, {}, new Error('x'), () => {}, Symbol('x')])
      expect(TuttiError.isInstance(other)).toBe(false);
    const hostile = new Proxy(
      {},
      {
        has: () => {
          throw new Error('no');
        },
      },
    );
    expect(TuttiError.isInstance(hostile)).toBe(false);
  });

  test('keeps its cause, also when that is undefined, and has none where there is none', () => {
    expect(new TuttiError('TUTTI_CLOSED', 'x', { cause: undefined })).toHaveProperty('cause', undefined);
    expect('cause' in new TuttiError('TUTTI_CLOSED', 'x')).toBe(false);
    expect(agentError.cause).toBe(cause);
    expect('cause' in new TimeoutError('attempt', 1, call)).toBe(false);
    expect(new TimeoutError('deadline', 1, call, undefined)).toHaveProperty('cause', undefined);
  });

  test('shows of its cause no more than name and message: no headers, no keys, no answers', () => {
    const foreign = Object.assign(new Error('HTTP 401'), {
      headers: { authorization: 'Bearer sk-secret' },
      request: { body: 'the prompt' },
      config: { apiKey: 'sk-secret' },
    });
    const error = new AgentError(call, 'HTTP 401', { retryable: false, cause: foreign, status: 401 });
    const text = JSON.stringify(error);
    expect(text).not.toContain('sk-secret');
    expect(text).not.toContain('the prompt');
    expect(JSON.parse(text).cause).toEqual({ name: 'Error', message: 'HTTP 401' });
  });

  test.each([
    [agentError, { code: 'TUTTI_AGENT_FAILED' }],
    [new RangeError('x'), { name: 'RangeError', message: 'x' }],
    [{ message: 3n }, {}],
    ['text', 'text'],
    [7, '7'],
    [null, 'object'],
    [{ a: 1 }, 'object'],
    [() => {}, 'function'],
    [Symbol('s'), 'Symbol(s)'],
    [
      new Proxy(
        {},
        {
          has: () => {
            throw new Error('no');
          },
        },
      ),
      'a cause that cannot be read',
    ],
  ])('says in a few words what caused it (%#)', (of, expected) => {
    const json = JSON.parse(JSON.stringify(new ClosedError('x').toJSON()));
    expect(json).not.toHaveProperty('cause');
    const shown = JSON.parse(JSON.stringify(new TuttiError('TUTTI_CLOSED', 'x', { cause: of }))).cause;
    if (typeof expected === 'string') expect(shown).toBe(expected);
    else expect(shown).toMatchObject(expected);
  });
});

describe('TimeoutError', () => {
  test.each([
    ['attempt', true],
    ['first-token', true],
    ['deadline', false],
    ['queue', false],
    ['idle', false],
  ] as const)('of scope %s carries its length, agent and attempt; retryable: %s', (scope, retryable) => {
    const error = new TimeoutError(scope, 1_500, call);
    expect(error).toMatchObject({ scope, timeoutMs: 1_500, agent: 'a', attempt: 2, retryable });
    expect(error.message).toContain('1500 ms');
    expect(error.message).toContain('"a"');
    expect(error.details).toEqual({ scope, timeoutMs: 1_500, agent: 'a', attempt: 2 });
  });
});

describe('foreign errors', () => {
  test('are told from other things in every realm', () => {
    for (const error of [
      new Error('x'),
      runInNewContext('new TypeError("x")'),
      new DOMException('x', 'AbortError'),
      agentError,
    ]) {
      expect(isErrorLike(error)).toBe(true);
      expect(asError(error)).toBe(error);
    }
    for (const other of ['x', undefined, null, {}, { message: 'x' }]) {
      expect(isErrorLike(other)).toBe(false);
      const wrapped = asError(other);
      expect(wrapped).toBeInstanceOf(Error);
      expect(wrapped.cause).toBe(other);
    }
  });

  test('may refuse every question', () => {
    const refuse = (): never => {
      throw new Error('no');
    };
    const hostile = new Proxy({}, { get: refuse, has: refuse, getPrototypeOf: refuse });
    expect(isErrorLike(hostile)).toBe(false);
    expect(asError(hostile).cause === hostile).toBe(true);
  });

  test('always have a message', () => {
    expect(messageOf(new Error('text'))).toBe('text');
    expect(messageOf({ message: 'text' })).toBe('text');
    expect(messageOf('text')).toBe('text');
    expect(messageOf('')).toBe('an empty string was thrown');
    expect(messageOf(new RangeError(''))).toBe('RangeError');
    expect(messageOf({})).toBe('an object without a message was thrown');
    expect(messageOf(undefined)).toBe('undefined was thrown');
    expect(messageOf(Symbol('s'))).toBe('Symbol(s) was thrown');
    expect(
      messageOf(
        new Proxy(
          {},
          {
            get: () => {
              throw new Error('no');
            },
          },
        ),
      ),
    ).toMatch(/thrown/);
    const nameless = (): void => {};
    Object.defineProperty(nameless, 'name', { value: '' });
    expect(messageOf(nameless)).toBe('a function was thrown');
  });

  test('give their fields, or undefined', () => {
    expect(fieldOf({ status: 1 }, 'status')).toBe(1);
    expect(
      fieldOf(
        Object.assign(() => {}, { status: 2 }),
        'status',
      ),
    ).toBe(2);
    expect(fieldOf('text', 'length')).toBeUndefined();
    expect(fieldOf(null, 'status')).toBeUndefined();
  });
});

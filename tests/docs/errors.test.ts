import { describe, expect, test } from '@jest/globals';
import { AgentFileError } from '../../src/agents/index.js';
import { JsonlFileError } from '../../src/batch/index.js';
import * as main from '../../src/index.js';
import { PoolError } from '../../src/resilience/index.js';
import { ConfigError } from '../../src/runtime/index.js';
import { StateFileError } from '../../src/state/index.js';
import { codeIn, readDocument, tableRows } from './markdown.js';

const api = { ...main, AgentFileError, JsonlFileError, PoolError, StateFileError, ConfigError };
const call = { agent: 'agent', attempt: 1 };
const passing = new api.AgentError(call, 'busy', { retryable: true, cause: undefined });
const failing = new api.AgentError(call, 'broken', { retryable: false, cause: undefined });

/** One or more of every error, as the code makes them. */
const SAMPLES: readonly main.TuttiError[] = [
  new api.InvalidArgumentError('field', 'wrong'),
  new api.UnknownAgentError('agent', undefined, 0),
  new api.DuplicateAgentError('agent'),
  new api.ClosedError('orchestrator'),
  new api.ConfigError('TUTTI_CACHE', 'cache', 'wrong'),
  new api.CancelledError(call, 'because'),
  new api.TimeoutError('attempt', 1, call),
  new api.TimeoutError('deadline', 1, call),
  new api.RetriesExhaustedError('agent', [passing]),
  new api.CallNotRecordedError('call', true),
  new api.CallNotRecordedError('call', false),
  new api.QueueFullError(1),
  new api.PoolError('pool', 'wait-timeout', 'wrong'),
  passing,
  failing,
  new api.HookError('agent', 'before', 'broken'),
  new api.OutputError('agent', '', 'wrong'),
  new api.ToolInDoubtError({ agent: 'agent', tool: 'tool', key: 'key' }),
  new api.ApprovalRequiredError('agent', []),
  new api.StreamConsumedError('agent'),
  new api.TaskSourceError([], 0, undefined),
  new api.RateLimitedError('lane', 'wait-too-long', 'wait', 1),
  new api.RateLimitedError('lane', 'too-large', 'large', undefined),
  new api.CircuitOpenError('lane', 1),
  new api.LaneDownError('lane', 1, passing),
  new api.BudgetExceededError({ scope: 'run', owner: '', unit: 'usd', limit: 1, left: 0, needed: 1 }),
  new api.AgentFileError('agent.md', 1, 'wrong'),
  new api.JsonlFileError('tasks.jsonl', 1, 'wrong'),
  new api.MissingPackageError('openai', 'openai()', 'openai@6'),
  ...[
    api.ProviderRateLimitedError,
    api.ProviderOverloadedError,
    api.ProviderNetworkError,
    api.ProviderTimeoutError,
    api.ProviderAuthError,
    api.ProviderRequestError,
    api.ProviderResponseError,
    api.ProviderRefusalError,
  ].map((ProviderFailure) => new ProviderFailure('wrong', { provider: 'anthropic' })),
  new api.RunChangedError('run', 0, ['task'], 'task 0 differs'),
  new api.RunBusyError('run', 'path'),
  new api.RunJournalError({ runId: 'run', path: 'path' }, 'full', 'cannot be used.'),
  new api.RunStoppedError({ runId: undefined, tasksRead: 1, total: 2 }),
  new api.StreamLaggedError(1),
  new api.DatabaseError('busy', 'file', 'wrong'),
  new api.DatabaseError('corrupt', 'file', 'wrong'),
  new api.CacheStoreError('disk', 'get', 'wrong'),
  new api.StateFileError('invalid', 'state.json', 'wrong', { line: 1, field: 'a' }),
];

const rows = tableRows(readDocument('docs/reference/errors.md'), 'Every error').map(
  ([code, error, retryable]) => ({
    code: codeIn(code),
    name: codeIn(error),
    retryable: retryable?.replace(/:.*/, ''),
  }),
);

/** What the page has to say of a class: `yes`, `no`, or that it depends. */
function retryability(name: string): string {
  const said = new Set(SAMPLES.filter((error) => error.name === name).map((error) => error.retryable));
  if (said.size === 2) return 'depends';
  return said.has(true) ? 'yes' : 'no';
}

describe('docs/reference/errors.md', () => {
  test('has a row for every code, and none for a code that does not exist', () => {
    expect(rows.map(({ code }) => code).sort()).toEqual([...api.ERROR_CODES].sort());
  });

  test('has a row for every error class, and none for a class that does not exist', () => {
    const isErrorClass = (value: unknown): boolean =>
      typeof value === 'function' && value !== api.ProviderError && value.prototype instanceof api.TuttiError;
    const classes = Object.entries(api).flatMap(([name, value]) => (isErrorClass(value) ? [name] : []));
    expect(rows.map(({ name }) => name).sort()).toEqual(classes.sort());
    expect([...new Set(SAMPLES.map(({ name }) => name))].sort()).toEqual(classes.sort());
  });

  test.each(rows)('gives $name its code $code and says whether it can pass', ({ code, name, retryable }) => {
    const samples = SAMPLES.filter((error) => error.name === name);
    expect(new Set(samples.map((error) => error.code))).toEqual(new Set([code]));
    expect(retryable).toBe(retryability(name));
  });
});

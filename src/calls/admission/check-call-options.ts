import { checkSetOptions } from '../../cache/set-options.js';
import { type ContentLimits, prepareContent, taskTooLarge } from '../../content/prepare-content.js';
import type { PreparedContent } from '../../content/prepared-content.js';
import type { CacheStorage } from '../../contracts/cache-storage.js';
import type { CallOptions, FunctionCallOptions, RunOptions, TaskInput } from '../../contracts/call.js';
import { isAmount } from '../../contracts/usage.js';
import { InvalidArgumentError } from '../../errors/input-errors.js';
import {
  type Check,
  expectBoolean,
  expectCount,
  expectDuration,
  expectFinite,
  expectFunction,
  expectObject,
  expectSignal,
  expectText,
  mismatch,
} from '../../input/checks.js';
import { parseOptions } from '../../input/parse-options.js';
import { unknownKeyError } from '../../input/unknown-key.js';
import { expectDirectory, expectRunId } from '../../journal/run-location.js';
import { budgetSchema } from '../../resilience/traffic-options.js';
import { configuredSecrets } from '../../signing/configured-secrets.js';

// Checked by hand, not by a schema: this is on the path of every call, and most calls have no options.

const expectPhases: Check = (value) => {
  const wrong = expectObject(value);
  if (wrong !== undefined) return wrong;
  for (const [phase, limitMs] of Object.entries(value as object)) {
    if (!['queueMs', 'firstTokenMs', 'idleMs'].includes(phase)) {
      throw unknownKeyError('timeouts', phase, ['queueMs', 'firstTokenMs', 'idleMs']);
    }
    if (limitMs !== undefined && expectDuration(limitMs) !== undefined) {
      throw mismatch(`timeouts.${phase}`, expectDuration(limitMs) as string, limitMs);
    }
  }
  return undefined;
};

const expectCache: Check = (value) => {
  if (value === false || value === 'refresh') return undefined;
  const wrong = "false, 'refresh' or { ttlMs, tags, replay }";
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return wrong;
  const { replay, ...stored } = value as CacheStorage;
  checkSetOptions(stored);
  if (replay !== undefined && replay !== 'instant' && replay !== 'paced') {
    throw mismatch('cache.replay', "'instant' or 'paced'", replay);
  }
  return undefined;
};

const expectApprovals: Check = (value) => {
  const wrong = expectObject(value);
  if (wrong !== undefined) return wrong;
  for (const [id, answer] of Object.entries(value as object)) {
    if (typeof answer !== 'boolean') throw mismatch(`approvals.${id}`, 'true or false', answer);
  }
  return undefined;
};

const expectBudget: Check = (value) => {
  parseOptions(budgetSchema(), value, 'budget');
  return undefined;
};

const expectSecret: Check = (value) => {
  configuredSecrets({ secret: value as RunOptions['secret'] });
  return undefined;
};

// Maps, so that keys such as `constructor` or `__proto__` are unknown like any other.
const CALL_CHECKS = new Map<string, Check>([
  ['signal', expectSignal],
  ['timeoutMs', expectDuration],
  ['timeouts', expectPhases],
  ['deadlineMs', expectDuration],
  ['maxRetries', expectCount],
  ['priority', expectFinite],
  ['tenant', expectText],
  ['model', expectText],
  ['params', expectObject],
  ['cache', expectCache],
  ['approvals', expectApprovals],
  ['onApproval', expectFunction],
  ['metadata', expectObject],
]);
const RUN_CHECKS = new Map<string, Check>([
  ...CALL_CHECKS,
  ['budget', expectBudget],
  ['stopOnError', expectBoolean],
  ['ordered', expectBoolean],
  ['warmFirst', expectBoolean],
  ['onProgress', expectFunction],
  ['runId', expectRunId],
  ['directory', expectDirectory],
  ['retryFailed', expectBoolean],
  ['secret', expectSecret],
]);
const FUNCTION_CHECKS = new Map<string, Check>([
  ...CALL_CHECKS,
  ['lane', expectText],
  ['key', expectText],
  ['maxCostUsd', (value) => (isAmount(value) ? undefined : 'dollars from 0')],
]);
const TASK_CHECKS = new Map<string, Check>([
  ['agent', () => undefined],
  ['task', () => undefined],
  ...CALL_CHECKS,
]);

/**
 * Checks a task. A string stays as it is; anything else is copied, once for the whole call.
 *
 * @throws {@link InvalidArgumentError} when it is neither a string of 1 to `maxTaskChars` characters nor a valid
 * conversation with files and text.
 */
export function checkTask(task: unknown, limits: ContentLimits): string | PreparedContent {
  if (typeof task !== 'string') return prepareContent(task, limits);
  if (task === '') throw mismatch('task', 'a string that is not empty', task);
  if (task.length > limits.maxTaskChars) throw taskTooLarge(task.length, limits.maxTaskChars);
  return task;
}

/** Checks the options of one call. */
export function checkCallOptions(options: unknown): asserts options is CallOptions {
  check(options, CALL_CHECKS);
}

/** Checks the options of a function that is run once. */
export function checkFunctionOptions(options: unknown, maxKeyChars: number): void {
  check(options, FUNCTION_CHECKS);
  const { key } = options as FunctionCallOptions;
  if (key === undefined || key.length <= maxKeyChars) return;
  throw new InvalidArgumentError(
    'key',
    `key: expected at most ${maxKeyChars} characters (maxTaskChars); got ${key.length}. Use a digest of what it says.`,
    { details: { keyChars: key.length, maxTaskChars: maxKeyChars } },
  );
}

/** Checks the options of a run. */
export function checkRunOptions(options: unknown): void {
  check(options, RUN_CHECKS);
  const { runId, directory, retryFailed, secret } = options as RunOptions;
  if (runId !== undefined && directory === undefined) {
    throw mismatch('directory', expectDirectory(directory) as string, directory);
  }
  if (runId !== undefined) return;
  // Without a name there is no journal: a caller that sets these believes that there is one.
  for (const [key, value] of Object.entries({ directory, retryFailed, secret })) {
    if (value === undefined) continue;
    throw new InvalidArgumentError(
      key,
      `${key}: it is for runs with a runId; give the run one, or leave it out.`,
    );
  }
}

/** What a task of a run says, in one shape. */
export interface ReadTask {
  /** What was given as the agent's name; checked later. */
  agent: unknown;
  /** What was given as the task; checked later. */
  task: unknown;
  /** The task's own settings; `undefined` for a pair. */
  options: CallOptions | undefined;
}

/** Brings a task of a run into one shape; the name and the text are checked with every call's. */
export function readTask(input: TaskInput | unknown): ReadTask {
  if (Array.isArray(input)) {
    if (input.length === 2) return { agent: input[0], task: input[1], options: undefined };
    throw mismatch('task', 'a pair [agent, task]', input);
  }
  if (typeof input !== 'object' || input === null) {
    throw mismatch('task', 'a pair [agent, task] or an object { agent, task, ...options }', input);
  }
  check(input, TASK_CHECKS);
  const { agent, task, ...options } = input as Record<string, unknown>;
  return { agent, task, options: options };
}

function check(options: unknown, checks: ReadonlyMap<string, Check>): void {
  if (expectObject(options) !== undefined) throw mismatch('options', 'an object', options);
  for (const key of Object.keys(options as object)) {
    const expected = checks.get(key);
    if (expected === undefined) throw unknownKeyError('', key, [...checks.keys()]);
    const value = (options as Record<string, unknown>)[key];
    if (value === undefined) continue;
    const wrong = expected(value);
    if (wrong !== undefined) throw mismatch(key, wrong, value);
  }
}

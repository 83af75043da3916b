import type { PreparedContent } from '../content/prepared-content.js';
import type { HookRequest, Hooks, ReplacedRequest } from '../contracts/hooks.js';
import type { AgentReplyObject } from '../contracts/reply.js';
import type { AgentResult } from '../contracts/result.js';
import type { TaskContent } from '../contracts/task-content.js';
import { messageOf } from '../errors/foreign.js';
import { HookError } from '../errors/hook-error.js';
import { expectObject, expectText } from '../input/checks.js';
import { describeKind } from '../input/describe-value.js';
import { nearestName } from '../input/nearest-name.js';
import { CancelScope } from '../time/cancel-scope.js';
import { checkTask } from './admission/check-call-options.js';
import type { Call } from './call.js';
import type { CallHooks } from './call-hooks.js';
import { buildFailure } from './call-result.js';
import { settleCall, toTuttiError } from './settle-call.js';
import { hasTurns, turnsOf } from './turns.js';

/** What the hooks of a call were asked with, for `after`, and the task as its caller gave it. */
interface HookedCall {
  readonly task: string | PreparedContent;
  readonly requests: Map<Hooks, HookRequest>;
}

// Beside the calls: most have no hooks, and many may wait.
const hooked = new WeakMap<Call, HookedCall>();

const REPLACEABLE: readonly string[] = ['task', 'model', 'params'];
const REPLY_KEYS: Readonly<Record<keyof AgentReplyObject, true>> = {
  output: true,
  data: true,
  usage: true,
  costUsd: true,
  model: true,
  finishReason: true,
  steps: true,
};
const RESULT_KEYS: Readonly<Record<keyof AgentResult, true>> = {
  success: true,
  agent: true,
  callId: true,
  output: true,
  data: true,
  model: true,
  cached: true,
  usage: true,
  costUsd: true,
  savedUsd: true,
  attempts: true,
  timings: true,
  finishReason: true,
  steps: true,
  messages: true,
  metadata: true,
};

/**
 * Runs the `before` hooks of a call, which may change it. Resolves with a reply if one of them answers.
 *
 * @throws {@link HookError} for what one of them throws or returns that is invalid.
 */
export async function runBefore(
  call: Call,
  { all }: CallHooks,
  scope: CancelScope,
): Promise<AgentReplyObject | undefined> {
  const requests = new Map<Hooks, HookRequest>();
  hooked.set(call, { task: call.task, requests });
  for (const hook of all) {
    const request = requestOf(call, scope);
    requests.set(hook, request);
    const returned = await guard(call, 'before', () => hook.before?.(request));
    if (scope.reason !== undefined) throw scope.reason;
    if (returned === undefined) continue;
    const reply = apply(call, returned, request);
    if (reply !== undefined) return reply;
  }
  return undefined;
}

/** Runs the `after` hooks on a result, then `next` with what is left of it; or settles the call with their failure. */
export function runAfter(
  call: Call,
  { all }: CallHooks,
  result: AgentResult,
  next: (result: AgentResult) => void,
): void {
  const scope = new CancelScope();
  const fail = (error: Error): void => {
    // The answer was paid for although its caller does not get it; what failed attempts cost is part of it.
    if (result.cached === false) call.spent = { usage: result.usage, costUsd: result.costUsd };
    settleCall(call, buildFailure(call, toTuttiError(call, error)));
  };
  call.stage = {
    cancel: (reason) => {
      scope.cancel(reason);
      fail(reason);
    },
  };
  const goOn = (step: () => void): void => {
    if (call.reason !== undefined) return;
    call.stage = undefined;
    step();
  };
  throughAll(call, all, result, scope).then(
    (replaced) => goOn(() => next(replaced)),
    (error: Error) => goOn(() => fail(error)),
  );
}

/** The task as the caller gave it, whatever hooks have made of it. */
export function askedTask(call: Call): string | PreparedContent {
  return hooked.get(call)?.task ?? call.task;
}

async function throughAll(
  call: Call,
  all: readonly Hooks[],
  result: AgentResult,
  scope: CancelScope,
): Promise<AgentResult> {
  let current = result;
  for (const hook of all) {
    // Hooks after one that answered were not asked before.
    const request = hooked.get(call)?.requests.get(hook) ?? requestOf(call, scope);
    const before = current;
    const returned = await guard(call, 'after', () => hook.after?.(before, request));
    if (scope.reason !== undefined) throw scope.reason;
    if (returned !== undefined) current = replaceResult(call, before, returned);
  }
  return withTurns(call, result, current);
}

/** Runs a hook; nothing is the same as `undefined`. */
async function guard(call: Call, hook: 'before' | 'after', run: () => unknown): Promise<unknown> {
  try {
    return await run();
  } catch (thrown) {
    throw new HookError(call.agent, hook, messageOf(thrown), thrown);
  }
}

function requestOf(call: Call, scope: CancelScope): HookRequest {
  const { agent, callId, task, model, registered, tenant, options } = call;
  return Object.freeze({
    agent,
    callId,
    task: typeof task === 'string' ? task : contentOf(task),
    model,
    params: Object.freeze({ ...call.paramsOf(registered) }),
    tenant,
    metadata: options?.metadata,
    // Most hooks do not use it.
    get signal() {
      return scope.signal;
    },
  });
}

/** A task in the shape in which it could have been given. */
function contentOf({ input: { text, messages, files } }: PreparedContent): TaskContent {
  return {
    ...(text === '' ? {} : { text }),
    ...(messages.length === 0 ? {} : { messages }),
    ...(files.length === 0 ? {} : { files }),
  };
}

/** Changes the call as a `before` hook says; returns its reply if it has answered. */
function apply(call: Call, returned: unknown, request: HookRequest): AgentReplyObject | undefined {
  const { agent } = call;
  if (expectObject(returned) !== undefined) {
    const expected =
      'expected an object { task, model, params } with what it replaces, a reply { output, … }, or nothing';
    throw new HookError(agent, 'before', `${expected}; got ${describeKind(returned)}.`);
  }
  const record = returned as Readonly<Record<string, unknown>>;
  if ('output' in record) return readReply(agent, record);
  for (const key of Object.keys(record)) {
    // What it was asked with may be among it: { ...request, task }.
    if (REPLACEABLE.includes(key) || record[key] === request[key as keyof HookRequest]) continue;
    throw unknownKey(agent, 'before', key, REPLACEABLE);
  }
  replaceTask(call, record, request);
  replaceOptions(call, record, request);
  return undefined;
}

function readReply(agent: string, record: Readonly<Record<string, unknown>>): AgentReplyObject {
  for (const key of Object.keys(record)) {
    if (!Object.hasOwn(REPLY_KEYS, key)) throw unknownKey(agent, 'before', key, Object.keys(REPLY_KEYS));
  }
  if (typeof record.output === 'string') return record as unknown as AgentReplyObject;
  throw new HookError(agent, 'before', `output: expected a string; got ${describeKind(record.output)}.`);
}

function replaceTask(call: Call, { task }: ReplacedRequest, request: HookRequest): void {
  if (task === undefined || task === request.task) return;
  try {
    call.task = checkTask(task, call.services.options);
  } catch (invalid) {
    throw new HookError(call.agent, 'before', messageOf(invalid), invalid);
  }
}

function replaceOptions(call: Call, { model, params }: ReplacedRequest, request: HookRequest): void {
  const { agent, options, registered } = call;
  if (model !== undefined && expectText(model) !== undefined) {
    throw new HookError(agent, 'before', `model: expected a non-empty string; got ${describeKind(model)}.`);
  }
  if (params !== undefined && expectObject(params) !== undefined) {
    throw new HookError(agent, 'before', `params: expected an object; got ${describeKind(params)}.`);
  }
  if (model !== undefined && model !== request.model) call.options = { ...options, model };
  if (params === undefined || params === request.params) return;
  // Parameters of the definition would come back.
  const dropped = Object.keys(registered.definition.params ?? {}).map((name) => [name, undefined] as const);
  call.options = { ...call.options, params: { ...Object.fromEntries(dropped), ...params } };
}

/** The result with what an `after` hook returned; whose it is stays. */
function replaceResult(call: Call, result: AgentResult, returned: unknown): AgentResult {
  const { agent } = call;
  if (expectObject(returned) !== undefined) {
    const expected = 'expected an object with what it replaces, for instance { output }, or nothing';
    throw new HookError(agent, 'after', `${expected}; got ${describeKind(returned)}.`);
  }
  for (const key of Object.keys(returned as object)) {
    if (!Object.hasOwn(RESULT_KEYS, key)) throw unknownKey(agent, 'after', key, Object.keys(RESULT_KEYS));
  }
  const replaced = { ...result, ...(returned as Partial<AgentResult>) };
  if (typeof replaced.output !== 'string') {
    throw new HookError(agent, 'after', `output: expected a string; got ${describeKind(replaced.output)}.`);
  }
  return { ...replaced, success: true, agent: result.agent, callId: result.callId };
}

/** Turns follow from what the caller has asked and gets, unless a hook has set them. */
function withTurns(call: Call, before: AgentResult, after: AgentResult): AgentResult {
  const task = askedTask(call);
  if (!hasTurns(task, call.definition) || after.messages !== before.messages) return after;
  if (after.output === before.output && after.steps === before.steps) return after;
  return { ...after, messages: turnsOf(task, after) };
}

function unknownKey(
  agent: string,
  hook: 'before' | 'after',
  key: string,
  known: readonly string[],
): HookError {
  const suggestion = nearestName(key, known);
  const hint =
    suggestion === undefined ? `Known ones: ${known.join(', ')}.` : `Did you mean "${suggestion}"?`;
  return new HookError(agent, hook, `it returned an unknown field ${JSON.stringify(key)}. ${hint}`);
}

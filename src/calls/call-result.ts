import type { CacheHit } from '../cache/cached-answer.js';
import type { AgentReply, AgentReplyObject } from '../contracts/reply.js';
import type { AgentFailure, AgentResult, CallOutcome, Timings } from '../contracts/result.js';
import { addUsage, completeUsage } from '../contracts/usage.js';
import type { AnyTuttiError } from '../errors/any-tutti-error.js';
import { OutputError } from '../errors/execution-errors.js';
import type { TuttiError } from '../errors/tutti-error.js';
import { describeValue } from '../input/describe-value.js';
import { LazyModule } from '../lifecycle/lazy-module.js';
import { addCosts, type Call } from './call.js';
import type { CallServices } from './call-services.js';
import { noteEnd } from './ended-because.js';

/** Finds JSON in answers and checks it: for agents with an `output` schema. */
export const outputReader = new LazyModule(() => import('../output/parse-output.js'));

/** What a call that worked gives its caller. */
export function buildResult(call: Call, reply: AgentReply): AgentResult {
  const answer = toReplyObject(reply, call.agent);
  const data = readData(call, answer);
  const model = answer.model ?? call.modelOf(call.answeredBy ?? call.registered);
  const { spent } = call;
  const metadata = call.options?.metadata;
  // What may be missing is added afterwards: as `...(x && { x })` it would take three times as long to make all this.
  const result: AgentResult = {
    success: true,
    agent: call.agent,
    callId: call.callId,
    output: answer.output,
    cached: false,
    usage: completeUsage(spent === undefined ? answer.usage : addUsage(spent.usage, answer.usage ?? {})),
    costUsd: spent === undefined ? answer.costUsd : addCosts(spent.costUsd, answer.costUsd),
    savedUsd: undefined,
    attempts: call.attempts,
    timings: readTimings(call),
    finishReason: answer.finishReason ?? 'stop',
  };
  if (data !== undefined) result.data = data;
  if (model !== undefined) result.model = model;
  if (answer.steps !== undefined) result.steps = answer.steps;
  if (metadata !== undefined) result.metadata = metadata;
  return result;
}

/** What a call that failed gives its caller. */
export function buildFailure(call: Call, error: TuttiError): AgentFailure {
  noteEnd(call, error);
  const metadata = call.options?.metadata;
  const failure: AgentFailure = {
    success: false,
    agent: call.agent,
    callId: call.callId,
    error: error as AnyTuttiError,
    attempts: call.attempts,
    usage: completeUsage(call.spent?.usage),
    costUsd: call.spent?.costUsd,
    timings: readTimings(call),
  };
  if (metadata !== undefined) failure.metadata = metadata;
  return failure;
}

/** What a call that was answered from the cache gives its caller: the same shape, for no money. */
export function buildHit(call: Call, hit: CacheHit): AgentResult {
  const { data, model, finishReason } = hit;
  const metadata = call.options?.metadata;
  const totalMs = call.services.clock.now() - call.queuedAtMs;
  const result: AgentResult = {
    success: true,
    agent: call.agent,
    callId: call.callId,
    output: hit.output,
    cached: hit.tier,
    usage: { ...hit.usage },
    costUsd: 0,
    savedUsd: hit.costUsd,
    attempts: 0,
    timings: { queuedMs: 0, runMs: 0, totalMs, ageMs: hit.ageMs },
    finishReason: finishReason ?? 'stop',
  };
  if (data !== undefined) result.data = data;
  if (model !== undefined) result.model = model;
  if (hit.steps !== undefined) result.steps = hit.steps;
  if (metadata !== undefined) result.metadata = metadata;
  return result;
}

/** An outcome whose parts are the caller's own. */
export function copyOutcome(outcome: CallOutcome): CallOutcome {
  const usage = { ...outcome.usage };
  if (!outcome.success || outcome.data === undefined) return { ...outcome, usage };
  return { ...outcome, usage, data: copyOf(outcome.data) };
}

/**
 * The outcome of a shared call for one of those who waited for it.
 *
 * @param isPayer Whether this is the one that the answer's cost is booked on.
 */
export function shareOutcome(call: Call, outcome: CallOutcome, isPayer: boolean): CallOutcome {
  const metadata = call.options?.metadata;
  const own = {
    callId: call.callId,
    timings: readTimings(call),
    ...(metadata === undefined ? undefined : { metadata }),
  };
  if (!outcome.success || isPayer) return { ...outcome, ...own };
  return { ...outcome, ...own, cached: 'shared', costUsd: 0, savedUsd: outcome.costUsd };
}

/** A copy that shares nothing with the original, where it can be copied. */
export function copyOf(data: unknown): unknown {
  try {
    return structuredClone(data);
  } catch {
    // Functions and the like cannot be copied; what holds them is shared as it is.
    return data;
  }
}

/** The outcome of a task that was not fit to become a call. */
export function refuse(services: CallServices, agent: unknown, error: TuttiError): AgentFailure {
  return {
    success: false,
    agent: typeof agent === 'string' ? agent : '',
    callId: services.callIds.textOf(services.callIds.next()),
    error: error as AnyTuttiError,
    attempts: 0,
    usage: completeUsage(undefined),
    costUsd: undefined,
    timings: { queuedMs: 0, runMs: 0, totalMs: 0 },
  };
}

function readTimings(call: Call): Timings {
  const timings: Timings = {
    queuedMs: call.queuedMs,
    runMs: call.runMs,
    totalMs: call.services.clock.now() - call.queuedAtMs,
  };
  if (call.firstTokenMs !== undefined) timings.firstTokenMs = call.firstTokenMs;
  return timings;
}

function toReplyObject(reply: AgentReply, agent: string): AgentReplyObject {
  if (typeof reply === 'string') return { output: reply };
  if (typeof reply === 'object' && reply !== null && typeof reply.output === 'string') return reply;
  throw new OutputError(
    agent,
    '',
    `it answered with ${describeValue(reply)}; expected a string or an object with a string \`output\`.`,
  );
}

/** The answer as a value: what the agent gave, or what its text holds, validated where there is a schema. */
function readData(call: Call, answer: AgentReplyObject): unknown {
  const schema = call.definition.output;
  if (schema === undefined) return answer.data;
  if (outputReader.loaded === undefined) throw new Error('An answer came before what reads it was loaded.');
  const { outputError, parseReply } = outputReader.loaded;
  const parsed = parseReply(answer, schema);
  if (parsed.success) return parsed.data;
  // Of no use, but paid for.
  if (answer.usage !== undefined) call.addSpent(answer.usage, answer.costUsd);
  throw outputError(call.agent, parsed);
}

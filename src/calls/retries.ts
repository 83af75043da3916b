import type { AgentReply } from '../contracts/reply.js';
import type { CallOutcome } from '../contracts/result.js';
import { RetriesExhaustedError, TimeoutError } from '../errors/execution-errors.js';
import { asError } from '../errors/foreign.js';
import { CircuitOpenError } from '../errors/traffic-errors.js';
import type { TuttiError } from '../errors/tutti-error.js';
import type { AttemptEnds } from '../resilience/hedge/attempt-ends.js';
import type { Lane } from '../resilience/lane/lane.js';
import { pausedTooLong } from '../resilience/rate-limit/refusals.js';
import { backoffDelayMs } from '../resilience/retry/backoff.js';
import { failureClassOf } from '../resilience/retry/failure-class.js';
import { runWithFallbacks } from '../resilience/retry/fallback.js';
import { type RetryRules, retryAfterFailure } from '../resilience/retry/retry.js';
import { beginAttempt, runAttempt } from './attempts/hedged-attempt.js';
import type { Call } from './call.js';
import { publishFallback, publishRetry } from './call-events.js';
import { buildFailure, buildResult } from './call-result.js';
import type { OrchestratorSettings } from './call-settings.js';
import { pauseCall } from './pause-call.js';
import type { RegisteredAgent } from './registered-agent.js';
import { settleCall, toTuttiError } from './settle-call.js';

// A call under traffic control: fallback ⊃ retry ⊃ (guarded-attempt: budget ⊃ hedge ⊃ rate limit ⊃ permit ⊃ breaker ⊃
// timeout). Calls that no lane, budget or fallback concerns take the plain path of run-call, which costs less.

/** Makes the call. It holds no permit until an attempt of it has passed its lane. */
export function runGuardedCall(call: Call): void {
  if (call.fallbacks.length > 0) void settleWith(call, askInTurn(call, call.fallbacks));
  else beginAttempt(call, call.registered, new FirstAttempt(call));
}

/** Most calls are answered at once: they need no promise on the way. */
class FirstAttempt implements AttemptEnds<AgentReply> {
  readonly #call: Call;

  constructor(call: Call) {
    this.#call = call;
  }

  succeeded(reply: AgentReply): void {
    settleCall(this.#call, outcomeOf(this.#call, reply));
  }

  failed(failure: Error): void {
    const call = this.#call;
    void settleWith(call, retry({ call, target: call.registered, isLast: true }, failure));
  }
}

async function settleWith(call: Call, answer: Promise<AgentReply>): Promise<void> {
  let outcome: CallOutcome;
  try {
    outcome = outcomeOf(call, await answer);
  } catch (thrown) {
    outcome = buildFailure(call, toTuttiError(call, thrown));
  }
  settleCall(call, outcome);
}

function outcomeOf(call: Call, reply: AgentReply): CallOutcome {
  try {
    return buildResult(call, reply);
  } catch (unfit) {
    return buildFailure(call, toTuttiError(call, unfit));
  }
}

/** Asks the call's agent, and in its place its fallbacks. */
function askInTurn(call: Call, fallbacks: readonly RegisteredAgent[]): Promise<AgentReply> {
  const { traffic } = call.parts;
  const targets: [RegisteredAgent, ...RegisteredAgent[]] = [call.registered, ...fallbacks];
  return runWithFallbacks(
    targets,
    async (target, index) => {
      const reply = await answerBy({ call, target, isLast: index === targets.length - 1 });
      if (target !== call.registered) call.answeredBy = target;
      return reply;
    },
    {
      refusalOf: (target) => refusalOf(call, traffic.laneOf(call, target)),
      hasStarted: () => call.sink?.started === true,
      onFallback: (from, to, error) => publishFallback(call, from.definition.name, to.definition.name, error),
    },
  );
}

/** Why a target is not worth asking: an open breaker, or a pause that nobody wanted to wait for. */
function refusalOf({ parts }: Call, lane: Lane | undefined): Error | undefined {
  if (lane === undefined) return undefined;
  const { breaker, name, pausedForMs } = lane;
  if (!lane.isAvailable) return new CircuitOpenError(name, breaker?.retryAfterMs ?? 0);
  return pausedForMs > longestWaitMs(parts.options) ? pausedTooLong(name, pausedForMs) : undefined;
}

/** Somebody who is asked. */
interface Asked {
  readonly call: Call;
  readonly target: RegisteredAgent;
  /** Whether nobody else is left to be asked. */
  readonly isLast: boolean;
}

async function answerBy(asked: Asked): Promise<AgentReply> {
  try {
    return await runAttempt(asked.call, asked.target);
  } catch (failure) {
    return await retry(asked, failure);
  }
}

function retry(asked: Asked, failure: unknown): Promise<AgentReply> {
  const attempt = (): Promise<AgentReply> => runAttempt(asked.call, asked.target);
  return retryAfterFailure(attempt, asError(failure), retryRulesOf(asked));
}

function retryRulesOf(asked: Asked): RetryRules {
  const { call, target, isLast } = asked;
  return {
    maxRetries: target === call.registered ? call.settings.maxRetries : target.settings.maxRetries,
    isRetryable: (error) => call.sink?.started !== true && mayRetry(error as TuttiError, isLast),
    backOff: (error, failed) => backOff(asked, error as TuttiError, failed),
    exhausted: (errors) => new RetriesExhaustedError(target.definition.name, errors as TuttiError[]),
  };
}

/** While another agent can be asked, an open breaker is not waited for. What a lane refused has no time to wait. */
function mayRetry(error: TuttiError, isLast: boolean): boolean {
  if (!error.retryable || error.code === 'TUTTI_RATE_LIMITED') return false;
  return isLast || failureClassOf(error) !== 'circuit-open';
}

/** A wait this short is never too long, in milliseconds, whatever `maxDelayMs` says of our own backoff. */
const SHORT_WAIT_MS = 2_000;

/** The longest demanded wait that is waited out, in milliseconds. */
function longestWaitMs({ retry }: OrchestratorSettings): number {
  return Math.max(retry.maxDelayMs, SHORT_WAIT_MS);
}

/** Waits before the next attempt, without a permit. Rejects where waiting is no use. */
async function backOff(asked: Asked, error: TuttiError, failed: number): Promise<void> {
  const { call, target } = asked;
  const { retryAfterMs } = error as { retryAfterMs?: number };
  const { options, traffic } = call.parts;
  // Longer than anybody wanted to wait: another agent, or the error at once.
  if (retryAfterMs !== undefined && retryAfterMs > longestWaitMs(options)) throw error;
  const lane = traffic.laneOf(call, target);
  const delayMs = backoffDelayMs(failed, options.retry, retryAfterMs);
  checkDeadline(asked, error, retryAfterMs ?? delayMs);
  if (lane !== undefined && !lane.tryRetry()) throw error;
  publishRetry(call, error, delayMs);
  // A lane that was told to wait holds everybody back and spreads their return itself.
  if (lane === undefined || lane.pausedForMs === 0 || !isRejection(error)) await pauseCall(call, delayMs);
}

/** Where the wait would outlast the call: somebody else may still answer in time, else it has failed now. */
function checkDeadline({ call, isLast }: Asked, error: TuttiError, waitMs: number): void {
  const { deadlineMs, deadlineAtMs } = call;
  if (deadlineAtMs === undefined || call.parts.clock.now() + waitMs < deadlineAtMs) return;
  if (!isLast) throw error;
  const limitMs = deadlineMs ?? deadlineAtMs - call.queuedAtMs;
  throw new TimeoutError('deadline', limitMs, { agent: call.agent, attempt: call.attempts }, error);
}

function isRejection(error: TuttiError): boolean {
  const failure = failureClassOf(error);
  return failure === 'rate-limited' || failure === 'overloaded';
}

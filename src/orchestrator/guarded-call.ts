import type { AgentReply } from '../contracts/reply.js';
import type { CallOutcome } from '../contracts/result.js';
import { RetriesExhaustedError, TimeoutError } from '../errors/execution-errors.js';
import { asError } from '../errors/foreign.js';
import type { TuttiError } from '../errors/tutti-error.js';
import { backoffDelayMs } from '../resilience/backoff.js';
import { failureClassOf } from '../resilience/failure-class.js';
import { runWithFallbacks } from '../resilience/fallback.js';
import type { Lane } from '../resilience/lane.js';
import { type RetryRules, retryAfterFailure } from '../resilience/retry.js';
import { CancelScope } from '../time/cancel-scope.js';
import { sleep } from '../time/sleep.js';
import { buildFailure, buildResult } from './build-result.js';
import type { Call } from './call.js';
import { publishFallback, publishRetry } from './call-events.js';
import { runGuardedAttempt } from './guarded-attempt.js';
import type { ResolvedOrchestratorOptions } from './options.js';
import type { RegisteredAgent } from './registered-agent.js';
import { settleCall, toTuttiError } from './settle-call.js';

// A call under traffic control: fallback ⊃ retry ⊃ (guarded-attempt: budget ⊃ hedge ⊃ rate limit ⊃ permit ⊃ breaker ⊃
// timeout). Calls that no lane, budget or fallback concerns take the plain path of run-call, which costs less.

/** Makes the call. It holds no permit until an attempt of it has passed its lane. */
export async function runGuardedCall(call: Call): Promise<void> {
  const scope = new CancelScope();
  call.add(scope);
  let outcome: CallOutcome;
  try {
    outcome = buildResult(call, await answer(call, scope));
  } catch (thrown) {
    outcome = buildFailure(call, toTuttiError(call, thrown));
  }
  call.delete(scope);
  settleCall(call, outcome);
}

function answer(call: Call, scope: CancelScope): Promise<AgentReply> {
  if (call.fallbacks.length === 0) return answerBy(call, scope, call.registered, true);
  const { traffic } = call.parts;
  const targets: [RegisteredAgent, ...RegisteredAgent[]] = [call.registered, ...call.fallbacks];
  return runWithFallbacks(
    targets,
    async (target, index) => {
      const reply = await answerBy(call, scope, target, index === targets.length - 1);
      if (target !== call.registered) call.answeredBy = target;
      return reply;
    },
    {
      isAvailable: (target) => isAvailable(call, traffic.laneOf(call, target)),
      hasStarted: () => call.sink?.started === true,
      onFallback: (from, to, error) => publishFallback(call, from.definition.name, to.definition.name, error),
    },
  );
}

/** Not behind an open breaker, nor behind a pause that nobody wanted to wait for. */
function isAvailable({ parts }: Call, lane: Lane | undefined): boolean {
  return lane === undefined || (lane.isAvailable && lane.pausedForMs <= longestWaitMs(parts.options));
}

async function answerBy(
  call: Call,
  scope: CancelScope,
  target: RegisteredAgent,
  isLast: boolean,
): Promise<AgentReply> {
  try {
    return await runGuardedAttempt(call, scope, target);
  } catch (failure) {
    const attempt = (): Promise<AgentReply> => runGuardedAttempt(call, scope, target);
    return await retryAfterFailure(attempt, asError(failure), retryRulesOf(call, scope, target, isLast));
  }
}

function retryRulesOf(call: Call, scope: CancelScope, target: RegisteredAgent, isLast: boolean): RetryRules {
  return {
    maxRetries: target === call.registered ? call.settings.maxRetries : target.settings.maxRetries,
    isRetryable: (error) => call.sink?.started !== true && mayRetry(error as TuttiError, isLast),
    backOff: (error, failed) => backOff({ call, scope, target, isLast }, error as TuttiError, failed),
    exhausted: (errors) => new RetriesExhaustedError(target.definition.name, errors as TuttiError[]),
  };
}

/** While another agent can be asked, an open breaker is not waited for. What a lane refused has no time to wait. */
function mayRetry(error: TuttiError, isLast: boolean): boolean {
  if (!error.retryable || error.code === 'TUTTI_RATE_LIMITED') return false;
  return isLast || failureClassOf(error) !== 'circuit-open';
}

/** A target that has failed and may be asked again. */
interface Retrying {
  readonly call: Call;
  readonly scope: CancelScope;
  readonly target: RegisteredAgent;
  /** Whether nobody else is left to be asked. */
  readonly isLast: boolean;
}

/** A wait this short is never too long, in milliseconds, whatever `maxDelayMs` says of our own backoff. */
const SHORT_WAIT_MS = 2_000;

/** The longest demanded wait that is waited out, in milliseconds. */
function longestWaitMs({ retry }: ResolvedOrchestratorOptions): number {
  return Math.max(retry.maxDelayMs, SHORT_WAIT_MS);
}

/** Waits before the next attempt, without a permit. Rejects where waiting is no use. */
async function backOff(retrying: Retrying, error: TuttiError, failed: number): Promise<void> {
  const { call, target } = retrying;
  const { retryAfterMs } = error as { retryAfterMs?: number };
  const { options, traffic } = call.parts;
  // Longer than anybody wanted to wait: another agent, or the error at once.
  if (retryAfterMs !== undefined && retryAfterMs > longestWaitMs(options)) throw error;
  const lane = traffic.laneOf(call, target);
  const delayMs = backoffDelayMs(failed, options.retry, retryAfterMs);
  checkDeadline(retrying, error, retryAfterMs ?? delayMs);
  if (lane !== undefined && !lane.tryRetry()) throw error;
  publishRetry(call, error, delayMs);
  // A lane that was told to wait holds everybody back and spreads their return itself.
  if (lane === undefined || lane.pausedForMs === 0 || !isRejection(error)) await pause(retrying, delayMs);
}

/** Where the wait would outlast the call: somebody else may still answer in time, else it has failed now. */
function checkDeadline({ call, isLast }: Retrying, error: TuttiError, waitMs: number): void {
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

async function pause({ call, scope }: Retrying, delayMs: number): Promise<void> {
  const { clock, counters } = call.parts;
  counters.backingOff += 1;
  call.setAside();
  try {
    await sleep(delayMs, clock, scope);
  } finally {
    counters.backingOff -= 1;
    call.takenUp();
  }
}

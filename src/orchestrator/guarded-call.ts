import type { AgentReply } from '../contracts/reply.js';
import type { CallOutcome } from '../contracts/result.js';
import { RetriesExhaustedError, TimeoutError } from '../errors/execution-errors.js';
import { asError } from '../errors/foreign.js';
import type { TuttiError } from '../errors/tutti-error.js';
import { backoffDelayMs } from '../resilience/backoff.js';
import { failureClassOf, isOverload } from '../resilience/failure-class.js';
import { runWithFallbacks } from '../resilience/fallback.js';
import { type RetryRules, retryAfterFailure } from '../resilience/retry.js';
import { CancelScope } from '../time/cancel-scope.js';
import { sleep } from '../time/sleep.js';
import { buildFailure, buildResult } from './build-result.js';
import type { Call } from './call.js';
import { publishFallback, publishRetry } from './call-events.js';
import { runGuardedAttempt } from './guarded-attempt.js';
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
      isAvailable: (target) => traffic.laneOf(call, target)?.isAvailable ?? true,
      hasStarted: () => call.sink?.started === true,
      onFallback: (from, to, error) => publishFallback(call, from.definition.name, to.definition.name, error),
    },
  );
}

async function answerBy(
  call: Call,
  scope: CancelScope,
  target: RegisteredAgent,
  isLast: boolean,
): Promise<AgentReply> {
  const attempt = (): Promise<AgentReply> => runGuardedAttempt(call, scope, target);
  try {
    return await attempt();
  } catch (failure) {
    return await retryAfterFailure(attempt, asError(failure), retryRulesOf(call, scope, target, isLast));
  }
}

function retryRulesOf(call: Call, scope: CancelScope, target: RegisteredAgent, isLast: boolean): RetryRules {
  return {
    maxRetries: target === call.registered ? call.settings.maxRetries : target.settings.maxRetries,
    isRetryable: (error) => call.sink?.started !== true && mayRetry(error as TuttiError, isLast),
    backOff: (error, failed) => backOff(call, scope, target, error as TuttiError, failed),
    exhausted: (errors) => new RetriesExhaustedError(target.definition.name, errors as TuttiError[]),
  };
}

/** While another agent can be asked, an open breaker is not waited for. */
function mayRetry(error: TuttiError, isLast: boolean): boolean {
  return error.retryable && (isLast || failureClassOf(error) !== 'circuit-open');
}

/** Waits before the next attempt, without a permit. Rejects where waiting is no use. */
async function backOff(
  call: Call,
  scope: CancelScope,
  target: RegisteredAgent,
  error: TuttiError,
  failed: number,
): Promise<void> {
  const { clock, counters, options, traffic } = call.parts;
  const { retryAfterMs } = error as { retryAfterMs?: number };
  const { deadlineMs } = call;
  // Longer than anybody wanted to wait: another agent, or the error at once.
  if (retryAfterMs !== undefined && retryAfterMs > options.retry.maxDelayMs) throw error;
  const lane = traffic.laneOf(call, target);
  const delayMs = backoffDelayMs(failed, options.retry, retryAfterMs);
  if (deadlineMs !== undefined && clock.now() + (retryAfterMs ?? delayMs) >= call.queuedAtMs + deadlineMs) {
    throw new TimeoutError('deadline', deadlineMs, { agent: call.agent, attempt: call.attempts }, error);
  }
  if (lane !== undefined && !lane.tryRetry()) throw error;
  publishRetry(call, error, delayMs);
  // A lane that was told to wait holds everybody back and spreads their return itself.
  if (lane !== undefined && isOverload(failureClassOf(error)) && failureClassOf(error) !== 'timeout') return;
  counters.backingOff += 1;
  call.setAside();
  try {
    await sleep(delayMs, clock, scope);
  } finally {
    counters.backingOff -= 1;
    call.takenUp();
  }
}

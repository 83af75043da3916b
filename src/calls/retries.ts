import type { AgentReply } from '../contracts/reply.js';
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
import { sleep } from '../time/sleep.js';
import { beginAttempt, runAttempt } from './attempts/hedged-attempt.js';
import type { Call } from './call.js';
import { publishFallback, publishRetry } from './call-events.js';
import type { OrchestratorSettings } from './call-settings.js';
import type { RegisteredAgent } from './registered-agent.js';
import { settleFailure, settleReply } from './settle-call.js';

// What follows a failed attempt, for every call: fallback ⊃ retry ⊃ attempts/queued-attempt. Most calls are answered by
// their first attempt and never get here.

/** Makes the attempts of a call under traffic control. It holds no permit until one of them has passed its lane. */
export function beginAttempts(call: Call): void {
  if (call.fallbacks.length === 0) beginAttempt(call, call.registered, new FirstAttemptEnds(call));
  else void settleWith(call, askInTurn(call, call.fallbacks));
}

/** The call's first attempt has failed: makes the others, or settles the call. */
export function retryCall(call: Call, failure: Error): void {
  void settleWith(call, retry({ call, target: call.registered, isLast: true }, failure));
}

/** The ends of a first attempt under traffic control: it needs no promise where it is answered. */
class FirstAttemptEnds implements AttemptEnds<AgentReply> {
  readonly #call: Call;

  constructor(call: Call) {
    this.#call = call;
  }

  succeeded(reply: AgentReply): void {
    settleReply(this.#call, reply);
  }

  failed(failure: Error): void {
    retryCall(this.#call, failure);
  }
}

async function settleWith(call: Call, answer: Promise<AgentReply>): Promise<void> {
  let reply: AgentReply;
  try {
    reply = await answer;
  } catch (thrown) {
    settleFailure(call, thrown);
    return;
  }
  settleReply(call, reply);
}

/** Asks the call's agent, then its fallbacks. */
function askInTurn(call: Call, fallbacks: readonly RegisteredAgent[]): Promise<AgentReply> {
  const { traffic } = call.services;
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

/** Why a target is not worth asking: an open breaker, or a pause that is longer than its wait may be. */
function refusalOf({ services }: Call, lane: Lane | undefined): Error | undefined {
  if (lane === undefined) return undefined;
  const { breaker, name, pausedForMs } = lane;
  if (!lane.isAvailable) return new CircuitOpenError(name, breaker?.retryAfterMs ?? 0);
  return pausedForMs > longestWaitMs(services.options, false) ? pausedTooLong(name, pausedForMs) : undefined;
}

/** An agent that is asked for a call's answer. */
interface Asked {
  readonly call: Call;
  readonly target: RegisteredAgent;
  /** Whether no other agent is left to be asked. */
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
    isRetryable: (error) => mayRetry(call, error as TuttiError, isLast),
    backOff: (error, failed) => backOff(asked, error as TuttiError, failed),
    exhausted: (errors) => new RetriesExhaustedError(target.definition.name, errors as TuttiError[]),
  };
}

/** Part of a stream that was given out cannot be taken back. While another agent is left, an open breaker is not waited for. */
function mayRetry(call: Call, error: TuttiError, isLast: boolean): boolean {
  if (call.sink?.started === true) return false;
  if (!error.retryable || error.code === 'TUTTI_RATE_LIMITED') return false;
  return isLast || failureClassOf(error) !== 'circuit-open';
}

/** A wait this short is never too long for another agent to be asked, in milliseconds, whatever `maxDelayMs` is. */
const SHORT_WAIT_MS = 2_000;

/** The longest demanded wait that is waited for, in milliseconds: shorter while another agent could answer meanwhile. */
function longestWaitMs({ retry }: OrchestratorSettings, isLast: boolean): number {
  return isLast ? retry.maxWaitMs : Math.min(retry.maxWaitMs, Math.max(retry.maxDelayMs, SHORT_WAIT_MS));
}

/** Waits before the next attempt, without a permit. Rejects where another attempt is of no use. */
async function backOff(asked: Asked, error: TuttiError, failed: number): Promise<void> {
  const { call, target, isLast } = asked;
  const { options, traffic } = call.services;
  const { retryAfterMs } = error as { retryAfterMs?: number };
  if (retryAfterMs !== undefined && retryAfterMs > longestWaitMs(options, isLast)) throw error;
  const lane = traffic.laneOf(call, target);
  const delayMs = backoffDelayMs(failed, options.retry, retryAfterMs);
  checkDeadline(asked, error, delayMs);
  if (lane !== undefined && !lane.tryRetry()) throw error;
  publishRetry(call, error, delayMs);
  // A lane that was told to wait holds all its calls back and spreads their return itself.
  if (lane === undefined || lane.pausedForMs === 0 || !isRejection(error)) await pause(call, delayMs);
}

/** Where the wait would outlast the call: another agent may still answer in time, else it has failed now. */
function checkDeadline({ call, isLast }: Asked, error: TuttiError, waitMs: number): void {
  const { deadlineMs, deadlineAtMs } = call;
  if (deadlineAtMs === undefined || call.services.clock.now() + waitMs < deadlineAtMs) return;
  if (!isLast) throw error;
  // Its own deadline, or its run's where that is nearer.
  const limitMs = Math.min(deadlineMs ?? Infinity, deadlineAtMs - call.queuedAtMs);
  throw new TimeoutError('deadline', limitMs, { agent: call.agent, attempt: call.attempts }, error);
}

function isRejection(error: TuttiError): boolean {
  const failure = failureClassOf(error);
  return failure === 'rate-limited' || failure === 'overloaded';
}

/** Waits without a permit. Rejects with the call's reason when it is cancelled. */
async function pause(call: Call, delayMs: number): Promise<void> {
  const { clock, counters } = call.services;
  counters.backingOff += 1;
  call.setAside();
  try {
    await sleep(delayMs, clock, call);
  } finally {
    counters.backingOff -= 1;
    call.takenUp();
  }
}

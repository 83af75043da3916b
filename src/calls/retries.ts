import type { AgentReply } from '../contracts/reply.js';
import { RetriesExhaustedError, TimeoutError } from '../errors/execution-errors.js';
import { asError } from '../errors/foreign.js';
import { CircuitOpenError } from '../errors/traffic-errors.js';
import type { TuttiError } from '../errors/tutti-error.js';
import type { AttemptEnds } from '../resilience/hedge/attempt-ends.js';
import type { Lane } from '../resilience/lane/lane.js';
import { pausedTooLong } from '../resilience/rate-limit/refusals.js';
import { backoffDelayMs } from '../resilience/retry/backoff.js';
import { mayMoveOn, runWithFallbacks } from '../resilience/retry/fallback.js';
import { type RetryRules, retryAfterFailure } from '../resilience/retry/retry.js';
import { type RetryOutlook, RetryProgress } from '../resilience/retry/retry-outlook.js';
import { sleep } from '../time/sleep.js';
import { beginAttempt, runAttempt } from './attempts/hedged-attempt.js';
import type { Call } from './call.js';
import type { OrchestratorSettings } from './call-settings.js';
import { attemptsMade, explainEnd } from './ended-because.js';
import type { RegisteredAgent } from './registered-agent.js';
import { publishFallback, publishRetry } from './retry-events.js';
import { settleFailure, settleReply } from './settle-call.js';

// What follows a failed attempt, for every call: fallback ⊃ retry ⊃ attempts/queued-attempt. Most calls are answered by
// their first attempt and never get here.

/** Makes the attempts of a call under traffic control. It holds no permit until one of them has passed its lane. */
export function beginAttempts(call: Call): void {
  const { fallbacks } = call;
  if (fallbacks.length === 0) beginAttempt(firstPlace(call), new FirstAttemptEnds(call));
  else void settleWith(call, askInTurn(call, fallbacks));
}

/** The call's first attempt has failed: makes the others, or settles the call. */
export function retryCall(call: Call, failure: Error): void {
  void settleWith(call, retry(new Asked(call, call.registered, true), failure));
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

/** The first attempt of a call that has no fallbacks: nothing of it is its own yet, so that waiting calls share the rest. */
function firstPlace(call: Call): {
  call: Call;
  target: RegisteredAgent;
  outlook: RetryOutlook;
  maxWaitMs: number;
} {
  const { retry } = call.services.options;
  const outlook = firstOutlook(call.settings.maxRetries, retry);
  return { call, target: call.registered, outlook, maxWaitMs: retry.maxWaitMs };
}

/** By the settings of an orchestrator and the number of retries. */
const firstOutlooks = new WeakMap<object, Map<number, RetryOutlook>>();

/** What calls with that many retries may do before their first attempt. */
function firstOutlook(maxRetries: number, retry: OrchestratorSettings['retry']): RetryOutlook {
  const known = firstOutlooks.get(retry) ?? new Map<number, RetryOutlook>();
  const outlook = known.get(maxRetries) ?? new RetryProgress(maxRetries, retry);
  firstOutlooks.set(retry, known.set(maxRetries, outlook));
  return outlook;
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
      const reply = await answerBy(new Asked(call, target, index === targets.length - 1));
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
  const maxWaitMs = longestWaitMs(services.options, false);
  return pausedForMs > maxWaitMs ? pausedTooLong(name, pausedForMs, maxWaitMs) : undefined;
}

/** A wait this short is never too long for another agent to be asked, in milliseconds, whatever `maxDelayMs` is. */
const SHORT_WAIT_MS = 2_000;

/** The longest demanded wait that is waited for, in milliseconds: shorter while another agent could answer meanwhile. */
function longestWaitMs({ retry }: OrchestratorSettings, isLast: boolean): number {
  return isLast ? retry.maxWaitMs : Math.min(retry.maxWaitMs, Math.max(retry.maxDelayMs, SHORT_WAIT_MS));
}

/** An agent that is asked for a call's answer, and how its attempts go. */
class Asked {
  readonly call: Call;
  readonly target: RegisteredAgent;
  /** Whether no other agent is left to be asked. */
  readonly isLast: boolean;
  readonly outlook: RetryProgress;
  /** The longest demanded wait that it waits for, in milliseconds. */
  readonly maxWaitMs: number;

  constructor(call: Call, target: RegisteredAgent, isLast: boolean) {
    const { options } = call.services;
    const { maxRetries } = target === call.registered ? call.settings : target.settings;
    this.call = call;
    this.target = target;
    this.isLast = isLast;
    this.outlook = new RetryProgress(maxRetries, options.retry);
    this.maxWaitMs = longestWaitMs(options, isLast);
  }
}

async function answerBy(asked: Asked): Promise<AgentReply> {
  try {
    return await runAttempt(asked);
  } catch (failure) {
    return await retry(asked, failure);
  }
}

function retry(asked: Asked, failure: unknown): Promise<AgentReply> {
  return retryAfterFailure(() => runAttempt(asked), asError(failure), retryRulesOf(asked));
}

function retryRulesOf(asked: Asked): RetryRules {
  const { call, target, outlook } = asked;
  return {
    maxRetries: outlook.maxRetries,
    isRetryable: (error) => mayRetry(call, error as TuttiError),
    backOff: (error, failed) => backOff(asked, error as TuttiError, failed),
    exhausted: (errors) => new RetriesExhaustedError(target.definition.name, errors as TuttiError[]),
  };
}

/** Refusals of the call's lane or breaker are final: they come when waiting is of no use. */
const FINAL_CODES: ReadonlySet<string> = new Set([
  'TUTTI_RATE_LIMITED',
  'TUTTI_LANE_DOWN',
  'TUTTI_CIRCUIT_OPEN',
]);

function mayRetry(call: Call, error: TuttiError): boolean {
  // Part of a stream that was given out cannot be taken back.
  if (error.retryable && call.sink?.started === true) {
    explainEnd(error, 'stream-started', 'Part of its stream was given out, so the call was not tried again.');
    return false;
  }
  return error.retryable && !FINAL_CODES.has(error.code);
}

/** Waits before the next attempt, without a permit. Rejects where another attempt is of no use. */
async function backOff(asked: Asked, error: TuttiError, failed: number): Promise<void> {
  const { call, target, outlook } = asked;
  const { clock, options, traffic } = call.services;
  const { retryAfterMs } = error as { retryAfterMs?: number };
  const isLast = asked.isLast || !mayMoveOn(error);
  const maxWaitMs = longestWaitMs(options, isLast);
  if (retryAfterMs !== undefined && retryAfterMs > maxWaitMs) {
    throw explainEnd(error, 'wait-too-long', tooLong(retryAfterMs, maxWaitMs, call.attempts));
  }
  const nowMs = clock.now();
  const waitsInLane = traffic.laneOf(call, target)?.isShaped === true;
  const delayMs = delayOf(call, failed, retryAfterMs, waitsInLane);
  checkDeadline(call, error, delayMs, isLast);
  publishRetry(call, error, delayMs);
  outlook.failed(nowMs, call.runMs);
  if (waitsInLane) outlook.wait(nowMs, delayMs, retryAfterMs ?? 0);
  else await pause(call, delayMs);
}

/** How long the call waits before its next attempt, in milliseconds. */
function delayOf(
  { deadlineAtMs = Number.POSITIVE_INFINITY, services }: Call,
  failed: number,
  retryAfterMs: number | undefined,
  waitsInLane: boolean,
): number {
  const { clock, options } = services;
  // A lane has its calls wait itself, and spreads their return: a call may go earlier when its lane works again, and
  // later while it does not.
  const delayMs = waitsInLane
    ? Math.max(retryAfterMs ?? 0, backoffDelayMs(failed, options.retry, undefined))
    : backoffDelayMs(failed, options.retry, retryAfterMs);
  // Jitter costs no call an attempt for which the demanded wait leaves time.
  return retryAfterMs !== undefined && clock.now() + delayMs >= deadlineAtMs ? retryAfterMs : delayMs;
}

function tooLong(retryAfterMs: number, maxWaitMs: number, attempts: number): string {
  return `The provider asks to wait ${Math.ceil(retryAfterMs)} ms, longer than the ${maxWaitMs} ms that the call waits (retry.maxWaitMs); ${attemptsMade(attempts)}.`;
}

/** Where the wait would outlast the call: another agent may still answer in time, else it has failed now. */
function checkDeadline(call: Call, error: TuttiError, waitMs: number, isLast: boolean): void {
  const { deadlineMs, deadlineAtMs } = call;
  if (deadlineAtMs === undefined || call.services.clock.now() + waitMs < deadlineAtMs) return;
  if (!isLast) throw error;
  // Its own deadline, or its run's where that is nearer.
  const limitMs = Math.min(deadlineMs ?? Infinity, deadlineAtMs - call.queuedAtMs);
  throw new TimeoutError('deadline', limitMs, { agent: call.agent, attempt: call.attempts }, error);
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

import type { CallTimes, ExplainedAttempt } from '../../contracts/explanation.js';
import type { CallOutcome } from '../../contracts/result.js';
import type { CallStep } from '../call-steps.js';
import type { Miss } from './request-memory.js';

/** What is known of the cache's part. */
export type RecordedLookup =
  | { readonly outcome: 'off' | 'excluded' | 'not-reached' | 'refresh' }
  | { readonly outcome: 'hit'; readonly tier: string }
  | { readonly outcome: 'joined'; readonly joined: string }
  | { readonly outcome: 'miss'; readonly miss: Miss };

type StepOf<Kind extends CallStep['kind']> = Extract<CallStep, { kind: Kind }>;

/** What a call does from a step on, between attempts. */
const PART_OF: Partial<Readonly<Record<CallStep['kind'], keyof CallTimes>>> = {
  lookup: 'cacheMs',
  hit: 'deliveryMs',
  joined: 'sharedMs',
  queued: 'queueMs',
  'lane-wait': 'laneMs',
  'budget-wait': 'budgetMs',
  'wait-over': 'queueMs',
};

/** Attempts that are kept one by one; all of them count. */
const MOST_ATTEMPTS = 32;

/**
 * Books the time of one call, from step to step: each stretch of time goes to one part, so that the parts add up to the
 * whole whatever happens. What an attempt was for is known at its end; until then its time is pending.
 */
export class CallRecord {
  readonly callId: string;
  readonly agent: string;
  readonly startedAtMs: number;
  readonly times: CallTimes = noTimes();
  readonly attempts: ExplainedAttempt[] = [];
  readonly lanes = new Set<string>();
  lookup: RecordedLookup = { outcome: 'off' };
  outcome: CallOutcome | undefined = undefined;
  #part: keyof CallTimes | 'attempt' = 'prepareMs';
  #sinceMs: number;
  /** Attempts that run now, and whether two of them have raced. */
  #running = 0;
  #isRace = false;
  #pendingMs = 0;
  #attemptSinceMs = 0;
  #wait: { step: StepOf<'lane-wait'>; stoppedMs: number } | undefined = undefined;
  /** Answered from the cache: what follows, such as renewing a stale answer, is not this call's time. */
  #isAnswered = false;

  constructor({ call }: CallStep) {
    this.callId = call.callId;
    this.agent = call.agent;
    this.startedAtMs = call.queuedAtMs;
    this.#sinceMs = call.queuedAtMs;
  }

  /** Takes a step, at an instant of the clock. */
  take(step: CallStep, nowMs: number): void {
    if (this.outcome !== undefined) return;
    if (step.kind === 'end') this.#end(step.outcome);
    else if (this.#isAnswered) return;
    else if (this.#running > 0) this.#takeInAttempt(step, nowMs);
    else this.#takeBetween(step, nowMs);
  }

  /** The times until now, with what is pending. */
  timesUntil(nowMs: number): CallTimes {
    const times = { ...this.times };
    if (this.outcome !== undefined) return times;
    const part = this.#part === 'attempt' ? 'modelMs' : this.#part;
    times[part] += nowMs - this.#sinceMs;
    times.modelMs += this.#pendingMs;
    return times;
  }

  #takeBetween(step: CallStep, nowMs: number): void {
    if (step.kind === 'attempt-start') {
      this.#startAttempt(step, nowMs);
      return;
    }
    const part = PART_OF[step.kind];
    if (part === undefined) return;
    if (step.kind === 'wait-over') this.#endWait(nowMs);
    this.#enter(part, nowMs);
    this.#isAnswered = step.kind === 'hit';
    if (step.kind !== 'lane-wait') return;
    this.#wait = { step, stoppedMs: step.lane.stoppedMs };
    this.lanes.add(step.lane.name);
  }

  /** A second attempt may race with the first one: what it waits for meanwhile costs no time. */
  #takeInAttempt(step: CallStep, nowMs: number): void {
    if (step.kind === 'attempt-start') this.#startAttempt(step, nowMs);
    else if (step.kind === 'attempt-end') this.#endAttempt(step, nowMs);
    else if (step.kind === 'tools') this.#enter(step.areRunning ? 'toolsMs' : 'attempt', nowMs);
  }

  #startAttempt({ agent, call, queuedMs }: StepOf<'attempt-start'>, nowMs: number): void {
    this.#running += 1;
    this.#isRace = this.#running > 1;
    if (this.#running === 1) {
      this.#attemptSinceMs = nowMs;
      this.#enter('attempt', nowMs);
    }
    if (this.attempts.length === MOST_ATTEMPTS) return;
    const open = { runMs: undefined, success: undefined, errorCode: undefined };
    this.attempts.push({ attempt: call.attempts, agent, queuedMs, ...open });
  }

  #endAttempt({ attempt, runMs, error }: StepOf<'attempt-end'>, nowMs: number): void {
    const kept = this.attempts.find((other) => other.attempt === attempt);
    if (kept !== undefined)
      Object.assign(kept, { runMs, success: error === undefined, errorCode: error?.code });
    this.#running -= 1;
    this.#enter(this.#part, nowMs);
    if (this.#running > 0 && error !== undefined) return;
    if (!this.#isRace) this.#bookConnectionWait(nowMs - this.#attemptSinceMs - runMs);
    this.#settlePending(error === undefined);
    this.#enter(error === undefined ? 'deliveryMs' : 'backoffMs', nowMs);
    // The loser of a race is ended after the winner.
    if (error === undefined) this.#isAnswered = true;
  }

  /** Waiting for a connection is no time of the model's. */
  #bookConnectionWait(waitedMs: number): void {
    const ms = Math.min(Math.max(0, waitedMs), this.#pendingMs);
    this.times.queueMs += ms;
    this.#pendingMs -= ms;
  }

  #settlePending(success: boolean): void {
    this.times[success ? 'modelMs' : 'failedAttemptsMs'] += this.#pendingMs;
    this.#pendingMs = 0;
  }

  /** Parts a wait for a lane into the time that the lane was stopped, the call's own backoff, and the rest. */
  #endWait(nowMs: number): void {
    const wait = this.#wait;
    if (wait === undefined) return;
    this.#wait = undefined;
    const { lane, readyAtMs } = wait.step;
    const waitedMs = nowMs - this.#sinceMs;
    const coolOffMs = Math.min(waitedMs, lane.stoppedMs - wait.stoppedMs);
    const ownMs = Math.min(readyAtMs, nowMs) - this.#sinceMs - coolOffMs;
    const backoffMs = Math.min(waitedMs - coolOffMs, Math.max(0, ownMs));
    this.times.coolOffMs += coolOffMs;
    this.times.backoffMs += backoffMs;
    this.times.laneMs += waitedMs - coolOffMs - backoffMs;
    this.#sinceMs = nowMs;
  }

  #end(outcome: CallOutcome): void {
    const endMs = Math.max(this.#sinceMs, this.startedAtMs + outcome.timings.totalMs);
    this.#endWait(endMs);
    this.#enter(this.#part, endMs);
    this.#settlePending(outcome.success);
    this.outcome = outcome;
  }

  /** Books the time since the last step and begins another part. */
  #enter(part: keyof CallTimes | 'attempt', nowMs: number): void {
    const ms = Math.max(0, nowMs - this.#sinceMs);
    if (this.#part === 'attempt') this.#pendingMs += ms;
    else this.times[this.#part] += ms;
    this.#part = part;
    this.#sinceMs = Math.max(nowMs, this.#sinceMs);
  }
}

function noTimes(): CallTimes {
  return {
    prepareMs: 0,
    cacheMs: 0,
    sharedMs: 0,
    queueMs: 0,
    laneMs: 0,
    coolOffMs: 0,
    budgetMs: 0,
    backoffMs: 0,
    failedAttemptsMs: 0,
    modelMs: 0,
    toolsMs: 0,
    deliveryMs: 0,
  };
}

import type { CacheRequest } from '../cache/cache-key.js';
import type { AgentDefinition } from '../contracts/agent.js';
import type { HitTier } from '../contracts/cache-events.js';
import type { CallOutcome } from '../contracts/result.js';
import type { TuttiError } from '../errors/tutti-error.js';

/** A call as its steps name it. */
export interface CallOfStep {
  readonly callId: string;
  readonly agent: string;
  readonly definition: AgentDefinition;
  /** When it was submitted, in milliseconds of the clock. */
  readonly queuedAtMs: number;
  /** Attempts started. */
  readonly attempts: number;
}

/** A lane as a step names it: how long it has been stopped so far tells what part of a wait was a stop. */
interface WaitedForLane {
  readonly name: string;
  readonly stoppedMs: number;
}

/**
 * A step of a call, as `explain` records it. A shared call reports with the id of the call that asked first.
 *
 * - `lookup`: the cache is asked; then `hit`, `joined` or `miss`; `no-lookup` where it is not asked
 * - `queued`: it begins to wait for its permit, or for what comes before it
 * - `lane-wait`, `budget-wait`: it waits for a lane or a budget, until `wait-over`
 * - `tools`: its tools begin to run, or have ended
 */
export type CallStep = { readonly call: CallOfStep } & (
  | { readonly kind: 'lookup'; readonly key: string; readonly request: CacheRequest }
  | { readonly kind: 'no-lookup'; readonly isExcluded: boolean }
  | { readonly kind: 'hit'; readonly tier: HitTier }
  | { readonly kind: 'joined'; readonly joined: string }
  | { readonly kind: 'miss'; readonly isRefresh: boolean }
  | { readonly kind: 'queued' }
  | { readonly kind: 'lane-wait'; readonly lane: WaitedForLane; readonly readyAtMs: number }
  | { readonly kind: 'budget-wait' }
  | { readonly kind: 'wait-over' }
  | { readonly kind: 'attempt-start'; readonly agent: string; readonly queuedMs: number }
  | {
      readonly kind: 'attempt-end';
      readonly attempt: number;
      readonly runMs: number;
      readonly error: TuttiError | undefined;
    }
  | { readonly kind: 'tools'; readonly areRunning: boolean }
  | { readonly kind: 'end'; readonly outcome: CallOutcome }
);

/** Takes the steps of calls; only there if `explain` is set. */
export interface StepRecorder {
  step(step: CallStep): void;
  /** Answers were deleted from the cache: that of a key, or many. */
  forgotten(key: string | undefined): void;
}

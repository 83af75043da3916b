import type { CacheRequest } from '../cache/cache-key.js';
import type { ResponseCache } from '../cache/response-cache.js';
import type { AgentDefinition } from '../contracts/agent.js';
import type { RunWaiting } from '../contracts/call.js';
import type { TuttiEvents } from '../contracts/events.js';
import type { CallOutcome } from '../contracts/result.js';
import type { TypedEmitter } from '../events/typed-emitter.js';
import type { InFlight, InFlightNode } from '../lifecycle/in-flight.js';
import type { OverdueWork } from '../lifecycle/overdue-work.js';
import type { Logger } from '../logging/logger.js';
import type { Budget, BudgetStats } from '../resilience/budget/budget.js';
import type { HedgePolicy } from '../resilience/hedge/hedge-policy.js';
import type { Lane } from '../resilience/lane/lane.js';
import type { LaneStats } from '../resilience/lane/lane-options.js';
import type { ConcurrencyLimit, Permits } from '../resilience/permits/concurrency-limit.js';
import type { WaitingQueue } from '../resilience/permits/waiting-queue.js';
import type { Clock } from '../time/clock.js';
import type { SignalHub } from '../time/signal-hub.js';
import type { CallIds } from './call-ids.js';
import type { OrchestratorSettings } from './call-settings.js';
import type { RecordedCalls } from './explain-calls.js';
import type { CallCounters, ErrorCounts, FiguresByAgent } from './stats.js';

/** A call as closing sees it. */
export interface CallInFlight extends InFlightNode {
  /** When it was submitted, in milliseconds of the clock. */
  readonly queuedAtMs: number;
  cancelBecause(why: string): void;
}

/** The cache as the path of a call sees it. */
export interface CallCache {
  /** The cache itself. */
  readonly responses: ResponseCache;
  /** Answers the call, or has it wait for the answer to an identical one. `false` leaves it as it was. */
  take(call: CallInFlight): boolean;
  /** The key of a request; `undefined` if answers of its agent are not cached. */
  keyOf(request: CacheRequest): string | undefined;
  /** Whether each key would be a hit now; counts nothing. */
  peekMany(keys: readonly string[]): Promise<boolean[]>;
  /** Ends work that no caller waits for, and closes the cache, in this time, if it was opened for this orchestrator. */
  close(timeoutMs: number): Promise<void>;
}

/** Lanes and budgets as the path of a call sees them. */
export interface CallTraffic {
  appliesTo(definition: AgentDefinition, lane?: string): boolean;
  laneOf(
    call: CallInFlight,
    target: { readonly definition: AgentDefinition; readonly lane: string | undefined },
  ): Lane | undefined;
  /** The name of that lane, without opening it. */
  laneNameOf(
    call: CallInFlight,
    target: { readonly definition: AgentDefinition; readonly lane: string | undefined },
  ): string | undefined;
  /** The lane that holds the limits of the call's tenant, where there are any. */
  tenantLaneOf(call: CallInFlight): Lane | undefined;
  /** Whether and when a second attempt may run beside a slow one. */
  hedgeOf(lane: Lane, definition: AgentDefinition): HedgePolicy | undefined;
  /** Every budget that the call belongs to, the narrowest first. */
  budgetsOf(
    call: CallInFlight,
    target: { readonly definition: AgentDefinition; readonly hasTrafficControl: boolean },
  ): Budget[];
  /** More attempts may run at once than before. */
  wake(): void;
  /** Calls that wait until others have settled for less than they reserved in a budget. */
  waitingForBudget: number;
  /** Calls that wait for their lanes or for a budget. */
  waiting(): number;
  /** What the calls of the lane in which most of them wait are waiting for; `undefined` if none waits. */
  longestQueue(): RunWaiting | undefined;
  /** Of those that wait: retries. */
  backingOff(): number;
  stats(): TrafficStats;
  /** The budgets in use of everything together, of agents and of tenants; not those of runs. */
  budgets(): Iterable<Budget>;
}

/** How lanes and budgets stand. */
export interface TrafficStats {
  /** Every lane by its name, for instance `anthropic/claude-sonnet-4-5`. */
  lanes: Record<string, LaneStats>;
  /** What each tenant with calls uses of the limits in `tenants`. */
  tenants: Record<string, LaneStats>;
  /** The budget of all calls, where there is one. */
  budget: BudgetStats | undefined;
}

/** Runs around what calls do: for tracing, which has to be in the asynchronous context of what it traces. */
export interface CallInstrument {
  /** Runs the work of an attempt whose `attempt:start` has just been published, and gives what the work gives. */
  runAttempt<Value>(callId: string, attempt: number, work: () => Value): Value;
  /** A call has its outcome, after all hooks; before its `call:end` is published. */
  ending?(callId: string, taskText: string, outcome: CallOutcome): void;
}

/** What every call of one orchestrator shares. */
export interface CallServices {
  /** What runs around calls; usually nothing. */
  readonly instruments: Set<CallInstrument>;
  readonly options: OrchestratorSettings;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: TypedEmitter<TuttiEvents>;
  readonly cache: CallCache | undefined;
  /** Records calls for `explain`; `undefined` unless that option is set. */
  readonly recorder: RecordedCalls | undefined;
  /** The secret of the cache's options, where they have one; it signs journals of runs too. */
  readonly secret: string | readonly string[] | undefined;
  readonly permits: ConcurrencyLimit;
  readonly traffic: CallTraffic;
  /** Makes a line to wait in for permits. */
  newQueue(): WaitingQueue;
  /** The permits of agents with a limit of their own. */
  readonly agentLimits: Set<Permits>;
  readonly counters: CallCounters;
  readonly errors: ErrorCounts;
  readonly byAgent: FiguresByAgent;
  readonly signals: SignalHub;
  /** Calls accepted and not settled. */
  readonly calls: InFlight<CallInFlight>;
  readonly overdue: OverdueWork;
  readonly callIds: CallIds;
  /** `retry.when` of the options: decides about errors that nothing else classifies. */
  readonly isTransient: ((thrown: unknown) => boolean) | undefined;
  /** Calls that wait for a permit, their agent's or the orchestrator's. */
  waiting(): number;
}

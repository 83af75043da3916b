import type { TuttiEvents } from '../contracts/events.js';
import type { TypedEmitter } from '../events/typed-emitter.js';
import type { InFlight, InFlightNode } from '../lifecycle/in-flight.js';
import type { Logger } from '../logging/logger.js';
import type { ConcurrencyLimit, Permits } from '../resilience/concurrency-limit.js';
import type { Clock } from '../time/clock.js';
import type { SignalHub } from '../time/signal-hub.js';
import type { CallCounters } from './call-counters.js';
import type { ResolvedOrchestratorOptions } from './options.js';
import type { OverdueWork } from './overdue-work.js';

/** A call as closing sees it. */
export interface CallInFlight extends InFlightNode {
  cancelBecause(why: string): void;
}

/** What every call of one orchestrator shares. */
export interface CallParts {
  readonly options: ResolvedOrchestratorOptions;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: TypedEmitter<TuttiEvents>;
  readonly permits: ConcurrencyLimit;
  /** The permits of agents with a limit of their own. */
  readonly lanes: Set<Permits>;
  readonly counters: CallCounters;
  readonly signals: SignalHub;
  /** Calls accepted and not settled. */
  readonly calls: InFlight<CallInFlight>;
  readonly overdue: OverdueWork;
  /** The user's word on errors that nothing else classifies. */
  readonly mayPass: ((thrown: unknown) => boolean) | undefined;
  nextCallId(): string;
  /** Calls that wait for a permit, their agent's or the orchestrator's. */
  waiting(): number;
}

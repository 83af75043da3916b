import type { ResponseCacheOptions } from '../cache/cache-options.js';
import { ResponseCache } from '../cache/response-cache.js';
import { CacheOfCalls } from '../calls/cached/cache-of-calls.js';
import { CallIds } from '../calls/call-ids.js';
import type { CallServices } from '../calls/call-services.js';
import { RecordedCalls } from '../calls/explain-calls.js';
import type { TrafficObserver } from '../calls/lanes-and-budgets.js';
import { CallCounters, ErrorCounts, FiguresByAgent } from '../calls/stats.js';
import { TrafficControl } from '../calls/traffic-control.js';
import { EVENT_NAMES, type TuttiEvents } from '../contracts/events.js';
import { fieldOf } from '../errors/foreign.js';
import { TypedEmitter } from '../events/typed-emitter.js';
import { InFlight } from '../lifecycle/in-flight.js';
import { OverdueWork } from '../lifecycle/overdue-work.js';
import { guardLogger, type Logger, silentLogger } from '../logging/logger.js';
import { ConcurrencyLimit, type Permits } from '../resilience/permits/concurrency-limit.js';
import {
  FairWaitingQueue,
  PriorityWaitingQueue,
  type WaitingQueue,
} from '../resilience/permits/waiting-queue.js';
import { type Clock, systemClock } from '../time/clock.js';
import { SignalHub } from '../time/signal-hub.js';
import type { ResolvedOrchestratorOptions } from './options.js';

/** Builds what the calls of one orchestrator share. */
export function createServices(options: ResolvedOrchestratorOptions): CallServices {
  const clock = options.clock ?? systemClock;
  const logger = options.logger === undefined ? silentLogger : guardLogger(options.logger);
  const events = new TypedEmitter<TuttiEvents>('tutti', EVENT_NAMES, (error, event) => {
    logger.error({ error, event }, 'an event listener threw');
  });
  const { explain, fairness } = options;
  const recorder = explain && new RecordedCalls(explain, clock, events);
  const newQueue = (): WaitingQueue =>
    fairness === undefined ? new PriorityWaitingQueue(clock) : new FairWaitingQueue(clock, fairness);
  const permits = new ConcurrencyLimit(options.maxConcurrent, newQueue());
  const agentLimits = new Set<Permits>();
  const waiting = (): number => {
    let calls = permits.waiting;
    for (const limit of agentLimits) calls += limit.waiting;
    return calls;
  };
  return {
    instruments: new Set(),
    options,
    clock,
    logger,
    permits,
    newQueue: newQueue,
    traffic: new TrafficControl(
      options,
      clock,
      () => permits.maxConcurrent,
      observeTraffic(events, clock, logger),
    ),
    cache: openCache(options, clock, logger, events, recorder),
    recorder,
    secret: fieldOf(options.cache, 'secret') as CallServices['secret'],
    events,
    counters: new CallCounters(),
    errors: new ErrorCounts(),
    byAgent: new FiguresByAgent(),
    signals: new SignalHub(),
    calls: new InFlight(),
    agentLimits,
    waiting,
    overdue: new OverdueWork(clock, options.abandonMs, () => waiting() > 0),
    isTransient: guardWhen(options.retry.when, logger),
    callIds: new CallIds(),
  };
}

function observeTraffic(events: TypedEmitter<TuttiEvents>, clock: Clock, logger: Logger): TrafficObserver {
  return {
    breakerChanged: (lane, state) => {
      const name = state === 'closed' ? 'breaker:close' : (`breaker:${state}` as const);
      if (events.wants(name)) events.emit(name, { lane, at: clock.epochMs() });
    },
    lanePaused: (lane, pausedForMs) => {
      if (events.wants('lane:pause')) events.emit('lane:pause', { lane, pausedForMs, at: clock.epochMs() });
    },
    waitsLong: (lane, wait) => logger.info({ lane, ...wait }, 'calls wait for their lane'),
  };
}

/** The cache that the options ask for: one of its own, one that was given, or none. */
function openCache(
  { cache, tenant }: ResolvedOrchestratorOptions,
  clock: Clock,
  logger: Logger,
  events: TypedEmitter<TuttiEvents>,
  recorder: RecordedCalls | undefined,
): CacheOfCalls | undefined {
  if (cache === undefined || cache === false) return undefined;
  if (isResponseCache(cache)) return new CacheOfCalls(cache, false, events, recorder);
  const options = cache === true ? {} : (cache as ResponseCacheOptions);
  return new CacheOfCalls(new ResponseCache({ clock, logger, tenant, ...options }), true, events, recorder);
}

// By shape, so that a cache from another copy of the package is one too.
function isResponseCache(cache: unknown): cache is ResponseCache {
  return (
    typeof fieldOf(cache, 'lookup') === 'function' && typeof fieldOf(cache, 'onInvalidate') === 'function'
  );
}

/** The user's `retry.when`; when it throws, the error it was asked about is not retried. */
function guardWhen(
  when: ((thrown: unknown) => boolean) | undefined,
  logger: Logger,
): ((thrown: unknown) => boolean) | undefined {
  if (when === undefined) return undefined;
  return (thrown) => {
    try {
      return when(thrown) === true;
    } catch (error) {
      logger.error({ error }, 'retry.when threw; the error it was asked about is not retried');
      return false;
    }
  };
}

import { randomUUID } from 'node:crypto';
import { EVENT_NAMES, type TuttiEvents } from '../contracts/events.js';
import { TypedEmitter } from '../events/typed-emitter.js';
import { InFlight } from '../lifecycle/in-flight.js';
import { guardLogger, type Logger, silentLogger } from '../logging/logger.js';
import { ConcurrencyLimit, type Permits } from '../resilience/concurrency-limit.js';
import { systemClock } from '../time/clock.js';
import { SignalHub } from '../time/signal-hub.js';
import { CallCounters } from './call-counters.js';
import type { CallParts } from './call-parts.js';
import type { ResolvedOrchestratorOptions } from './options.js';
import { OverdueWork } from './overdue-work.js';

/** Builds what the calls of one orchestrator share. */
export function createParts(options: ResolvedOrchestratorOptions): CallParts {
  const clock = options.clock ?? systemClock;
  const logger = options.logger === undefined ? silentLogger : guardLogger(options.logger);
  const permits = new ConcurrencyLimit(options.maxConcurrent, clock);
  const lanes = new Set<Permits>();
  const waiting = (): number => {
    let calls = permits.waiting;
    for (const lane of lanes) calls += lane.waiting;
    return calls;
  };
  return {
    options,
    clock,
    logger,
    permits,
    events: new TypedEmitter<TuttiEvents>('tutti', EVENT_NAMES, (error, event) => {
      logger.error({ error, event }, 'an event listener threw');
    }),
    counters: new CallCounters(),
    signals: new SignalHub(),
    calls: new InFlight(),
    lanes,
    waiting,
    overdue: new OverdueWork(clock, options.abandonMs, () => waiting() > 0),
    mayPass: guardWhen(options.retry.when, logger),
    nextCallId: callIds(),
  };
}

/** Ids that differ between processes by their beginning and within one by their end; cheaper than a UUID a call. */
function callIds(): () => string {
  const prefix = randomUUID().slice(0, 18);
  let calls = 0;
  return () => {
    calls += 1;
    return `${prefix}-${calls.toString(36)}`;
  };
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

import * as z from 'zod/mini';
import type { ResponseCache } from '../cache/response-cache.js';
import { hasMethods } from '../input/has-methods.js';
import { madeOnce } from '../input/made-once.js';
import { count } from '../input/number-schemas.js';
import { optionsObject, thing } from '../input/option-schemas.js';
import { parseOptions, type WithDefaults } from '../input/parse-options.js';
import type { AsyncOrchestrator } from '../orchestrator/async-orchestrator.js';

/** Something with figures of its own, for instance a queue of jobs. */
export interface StatsSource {
  /** What it has done and is doing, as plain JSON. */
  stats(): unknown;
}

/** Settings of {@link Telemetry}. */
export interface TelemetryOptions {
  /** The orchestrator that it listens to. */
  // biome-ignore lint/suspicious/noExplicitAny: whatever agents it has
  orchestrator: AsyncOrchestrator<any>;
  /** The cache whose figures belong to its snapshots. @default the orchestrator's, if it has one */
  cache?: ResponseCache | undefined;
  /** What is shown as `jobs` in its snapshots: something with `stats()`. @default none */
  jobs?: StatsSource | undefined;
  /** What is shown as `bus` in its snapshots: something with `stats()`. @default none */
  bus?: StatsSource | undefined;
  /**
   * How many agents, models, tenants, tools and lanes are each counted apart, at least 1. All further ones count
   * together under `other`, so that memory does not grow with the number of tenants.
   *
   * @default 1_000
   */
  maxLabelValues?: number | undefined;
}

/** {@link TelemetryOptions} with the defaults filled in. */
export type ResolvedTelemetryOptions = WithDefaults<TelemetryOptions, 'maxLabelValues'>;

const statsSource = () => thing<StatsSource>(hasMethods('stats'), 'an object with stats()');

const telemetryOptionsSchema = madeOnce(() =>
  optionsObject({
    orchestrator: thing<TelemetryOptions['orchestrator']>(
      hasMethods('execute', 'stats', 'on'),
      'an AsyncOrchestrator',
    ),
    cache: z.optional(thing<ResponseCache>(hasMethods('stats', 'observe'), 'a ResponseCache')),
    jobs: z.optional(statsSource()),
    bus: z.optional(statsSource()),
    maxLabelValues: z._default(count(1), 1_000),
  }),
);

export function resolveTelemetryOptions(input: TelemetryOptions): ResolvedTelemetryOptions {
  return parseOptions(telemetryOptionsSchema(), input, 'Telemetry options');
}

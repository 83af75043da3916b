import type { Unsubscribe } from '../../events/typed-emitter.js';
import { hasMethods } from '../../input/has-methods.js';
import { madeOnce } from '../../input/made-once.js';
import { flag, optionsObject, thing } from '../../input/option-schemas.js';
import { parseOptions } from '../../input/parse-options.js';
import { optional, withDefault } from '../../input/schema.js';
import type { AsyncOrchestrator } from '../../orchestrator/async-orchestrator.js';
import { CallMeters } from './call-meters.js';
import { CallSpans } from './call-spans.js';
import { SCOPE } from './names.js';
import { loadOtelApi } from './otel-api.js';

/** A tracer provider of OpenTelemetry, by its shape. */
export interface TracerProviderLike {
  /** Gives a tracer. */
  // biome-ignore lint/suspicious/noExplicitAny: a tracer of the optional package, which public types do not name
  getTracer(name: string, version?: string): any;
}

/** A meter provider of OpenTelemetry, by its shape. */
export interface MeterProviderLike {
  /** Gives a meter. */
  // biome-ignore lint/suspicious/noExplicitAny: a meter of the optional package, which public types do not name
  getMeter(name: string, version?: string): any;
}

/** Settings of {@link openTelemetry}. */
export interface OpenTelemetryOptions {
  /** Makes the spans. @default the one that the application has registered */
  tracerProvider?: TracerProviderLike | undefined;
  /** Makes the measures. @default the one that the application has registered */
  meterProvider?: MeterProviderLike | undefined;
  /**
   * Whether the span of a call holds the task's text and the answer, as they are after all hooks. They may be personal
   * data, so think of who reads traces.
   *
   * @default false
   */
  recordContent?: boolean | undefined;
}

const openTelemetrySchema = madeOnce(() =>
  optionsObject({
    tracerProvider: optional(thing<TracerProviderLike>(hasMethods('getTracer'), 'a tracer provider')),
    meterProvider: optional(thing<MeterProviderLike>(hasMethods('getMeter'), 'a meter provider')),
    recordContent: withDefault(flag(), false),
  }),
);

/**
 * Makes traces and measures of an orchestrator's calls with OpenTelemetry: a span for each call below the span that is
 * active where the call is made, below it one for each attempt and each call of a tool. The code of agents runs within the
 * span of its attempt, so what it traces itself is below that. Names are those of the conventions for generative AI.
 *
 * @returns Ends it; spans that are open are ended too.
 *
 * @example
 * ```ts
 * const stop = openTelemetry(orchestrator);
 * ```
 *
 * @throws `MissingPackageError` without `@opentelemetry/api`; `InvalidArgumentError` for invalid options.
 */
export function openTelemetry(
  // biome-ignore lint/suspicious/noExplicitAny: whatever agents it has
  orchestrator: AsyncOrchestrator<any>,
  options: OpenTelemetryOptions = {},
): Unsubscribe {
  const { recordContent, ...given } = parseOptions(openTelemetrySchema(), options, 'openTelemetry options');
  const api = loadOtelApi();
  const { services } = orchestrator;
  const tracers = given.tracerProvider ?? api.trace.getTracerProvider();
  const meters = given.meterProvider ?? api.metrics.getMeterProvider();
  const spans = new CallSpans(api, tracers.getTracer(SCOPE), services, recordContent);
  const measures = new CallMeters(meters.getMeter(SCOPE), services, () => orchestrator.stats());
  services.instruments.add(spans);
  const stop = (): void => {
    services.instruments.delete(spans);
    measures.stop();
    spans.stop();
  };
  return Object.assign(stop, { [Symbol.dispose]: stop });
}

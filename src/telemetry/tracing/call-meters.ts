import type { Attributes, Meter, ObservableGauge, ObservableResult } from '@opentelemetry/api';
import type { CallServices } from '../../calls/call-services.js';
import type { TuttiEvents } from '../../contracts/events.js';
import type { Usage } from '../../contracts/usage.js';
import { BUCKETS, ATTRIBUTES as NAMES } from './names.js';

/** How many calls are in flight. */
export interface CallGauges {
  readonly inFlight: number;
  readonly queued: number;
}

/** An attempt that has started, for the measures of its end. */
type StartedAttempt = Pick<TuttiEvents['attempt:start'], 'model' | 'provider' | 'target'>;

const MS_PER_SECOND = 1_000;

/** Records measures of calls, each call's tokens and dollars once: when it has ended. */
export class CallMeters {
  readonly #attempts = new Map<string, StartedAttempt>();
  readonly #stops: Array<() => void>;

  constructor(meter: Meter, { events }: CallServices, gauges: () => CallGauges) {
    this.#stops = [
      this.#measureCalls(meter, events),
      this.#measureAttempts(meter, events),
      this.#countTrouble(meter, events),
      this.#countCache(meter, events),
      this.#measureTools(meter, events),
      observeGauges(meter, gauges),
    ];
  }

  /** Records nothing more. */
  stop(): void {
    for (const stop of this.#stops.splice(0)) stop();
  }

  #measureCalls(meter: Meter, events: CallServices['events']): () => void {
    const duration = seconds(
      meter,
      'gen_ai.invoke_agent.duration',
      'Time from submission to settlement.',
      BUCKETS.agentSeconds,
    );
    const queued = seconds(
      meter,
      'tutti.call.queue.duration',
      'Time that calls waited for lanes and permits.',
      BUCKETS.clientSeconds,
    );
    const firstChunk = seconds(
      meter,
      'gen_ai.client.operation.time_to_first_chunk',
      'Time to the first event of a stream.',
      BUCKETS.clientSeconds,
    );
    const calls = meter.createCounter('tutti.calls', {
      description: 'Calls that have settled.',
      unit: '{call}',
    });
    const spend = spending(meter);
    const saved = meter.createCounter('tutti.saved.usd', {
      description: 'What answers from the cache would have cost.',
      unit: 'USD',
    });
    const stopCalls = events.on('call:end', (event) => {
      const of = callAttributes(event);
      const failed = { ...of, ...defined(NAMES.errorType, event.errorCode) };
      duration.record(event.totalMs / MS_PER_SECOND, failed);
      queued.record(event.queuedMs / MS_PER_SECOND, of);
      if (event.firstTokenMs !== undefined) firstChunk.record(event.firstTokenMs / MS_PER_SECOND, of);
      const source = event.cached === false ? 'none' : event.cached;
      calls.add(1, { ...failed, [NAMES.outcome]: outcomeOf(event), [NAMES.cacheSource]: source });
      if (event.cached === false) spend(event.usage, event.costUsd, of);
      if (event.savedUsd !== undefined) saved.add(event.savedUsd, of);
    });
    const stopUnclaimed = events.on('call:unclaimed', (event) => {
      spend(event.usage, event.costUsd, callAttributes({ ...event, provider: undefined }));
    });
    return all(stopCalls, stopUnclaimed);
  }

  #measureAttempts(meter: Meter, events: CallServices['events']): () => void {
    const duration = seconds(
      meter,
      'gen_ai.client.operation.duration',
      'Time that requests to models took.',
      BUCKETS.clientSeconds,
    );
    const attempts = meter.createCounter('tutti.attempts', {
      description: 'Attempts started.',
      unit: '{attempt}',
    });
    const stopStarts = events.on('attempt:start', ({ callId, agent, attempt, model, provider, target }) => {
      attempts.add(1, { [NAMES.agent]: agent, [NAMES.target]: target });
      if (provider !== undefined) this.#attempts.set(`${callId}:${attempt}`, { model, provider, target });
    });
    const stopEnds = events.on('attempt:end', ({ callId, attempt, runMs, errorCode }) => {
      const key = `${callId}:${attempt}`;
      const started = this.#attempts.get(key);
      if (started === undefined) return;
      this.#attempts.delete(key);
      duration.record(runMs / MS_PER_SECOND, {
        [NAMES.operation]: 'chat',
        ...defined(NAMES.provider, started.provider),
        ...defined(NAMES.requestModel, started.model),
        ...defined(NAMES.errorType, errorCode),
      });
    });
    return all(stopStarts, stopEnds);
  }

  #countTrouble(meter: Meter, events: CallServices['events']): () => void {
    const counter = (name: string, description: string) => meter.createCounter(name, { description });
    const retries = counter('tutti.retries', 'Failed attempts after which another one may follow.');
    const hedges = counter('tutti.hedges', 'Second attempts beside slow ones.');
    const fallbacks = counter(
      'tutti.fallbacks',
      'Times another agent was asked in place of one that failed.',
    );
    const waits = counter('tutti.waits', 'How often calls began to wait for a lane or a budget.');
    const pauses = counter('tutti.lane.pauses', 'How often lanes were stopped.');
    const opened = counter('tutti.breaker.opened', 'How often breakers have opened.');
    return all(
      events.on('call:retry', ({ agent }) => retries.add(1, { [NAMES.agent]: agent })),
      events.on('call:hedge', ({ agent }) => hedges.add(1, { [NAMES.agent]: agent })),
      events.on('call:fallback', ({ from, to }) =>
        fallbacks.add(1, { [NAMES.fallbackFrom]: from, [NAMES.fallbackTo]: to }),
      ),
      events.on('call:wait', ({ lane, reason }) =>
        waits.add(1, { [NAMES.lane]: lane, [NAMES.waitReason]: reason }),
      ),
      events.on('lane:pause', ({ lane }) => pauses.add(1, { [NAMES.lane]: lane })),
      events.on('breaker:open', ({ lane }) => opened.add(1, { [NAMES.lane]: lane })),
    );
  }

  #countCache(meter: Meter, events: CallServices['events']): () => void {
    const hits = meter.createCounter('tutti.cache.hits', {
      description: 'Requests answered from the cache.',
    });
    const misses = meter.createCounter('tutti.cache.misses', {
      description: 'Requests that the cache had no answer for.',
    });
    return all(
      events.on('cache:hit', ({ agent, tier }) =>
        hits.add(1, { [NAMES.agent]: agent, [NAMES.cacheSource]: tier }),
      ),
      events.on('cache:miss', ({ agent }) => misses.add(1, { [NAMES.agent]: agent })),
    );
  }

  #measureTools(meter: Meter, events: CallServices['events']): () => void {
    const duration = seconds(
      meter,
      'gen_ai.execute_tool.duration',
      'Time that tools ran.',
      BUCKETS.clientSeconds,
    );
    return events.on('tool:end', ({ agent, tool, runMs, success }) => {
      duration.record(runMs / MS_PER_SECOND, {
        [NAMES.operation]: 'execute_tool',
        [NAMES.agent]: agent,
        [NAMES.toolName]: tool,
        ...defined(NAMES.errorType, success ? undefined : '_OTHER'),
      });
    });
  }
}

/** Adds tokens and dollars that were paid for. */
function spending(meter: Meter): (usage: Usage, costUsd: number | undefined, attributes: Attributes) => void {
  const tokens = meter.createHistogram('gen_ai.client.token.usage', {
    description: 'Tokens that a call has used.',
    unit: '{token}',
    advice: { explicitBucketBoundaries: BUCKETS.tokens },
  });
  const cost = meter.createCounter('tutti.cost.usd', { description: 'US dollars spent.', unit: 'USD' });
  return ({ inputTokens, outputTokens }, costUsd, attributes) => {
    if (inputTokens !== undefined) tokens.record(inputTokens, { ...attributes, [NAMES.tokenType]: 'input' });
    if (outputTokens !== undefined)
      tokens.record(outputTokens, { ...attributes, [NAMES.tokenType]: 'output' });
    if (costUsd !== undefined) cost.add(costUsd, attributes);
  };
}

function observeGauges(meter: Meter, gauges: () => CallGauges): () => void {
  const observe = (name: string, description: string, read: (gauges: CallGauges) => number): (() => void) => {
    const gauge: ObservableGauge = meter.createObservableGauge(name, { description, unit: '{call}' });
    const callback = (result: ObservableResult): void => result.observe(read(gauges()));
    gauge.addCallback(callback);
    return () => gauge.removeCallback(callback);
  };
  return all(
    observe('tutti.calls.in_flight', 'Calls accepted and not settled yet.', ({ inFlight }) => inFlight),
    observe('tutti.calls.queued', 'Calls that wait for their lane or for a permit.', ({ queued }) => queued),
  );
}

function seconds(meter: Meter, name: string, description: string, explicitBucketBoundaries: number[]) {
  return meter.createHistogram(name, { description, unit: 's', advice: { explicitBucketBoundaries } });
}

/** No tenant: measures of many tenants are too many. */
function callAttributes({
  agent,
  model,
  provider,
}: {
  agent: string;
  model: string | undefined;
  provider: string | undefined;
}): Attributes {
  return {
    [NAMES.operation]: 'invoke_agent',
    [NAMES.agent]: agent,
    ...defined(NAMES.requestModel, model),
    ...defined(NAMES.provider, provider),
  };
}

function outcomeOf({ success, errorCode }: TuttiEvents['call:end']): 'succeeded' | 'failed' | 'cancelled' {
  if (success) return 'succeeded';
  return errorCode === 'TUTTI_CANCELLED' ? 'cancelled' : 'failed';
}

function defined(name: string, value: string | undefined): Attributes | undefined {
  return value === undefined ? undefined : { [name]: value };
}

function all(...stops: ReadonlyArray<() => void>): () => void {
  return () => {
    for (const stop of stops) stop();
  };
}

import { RecentMap } from '../../collections/recent-map.js';
import type { TuttiEvents } from '../../contracts/events.js';
import type { CallExplanation, ExplainOptions } from '../../contracts/explanation.js';
import { CallNotRecordedError } from '../../errors/call-not-recorded-error.js';
import type { TypedEmitter } from '../../events/typed-emitter.js';
import type { Clock } from '../../time/clock.js';
import type { CallStep } from '../call-steps.js';
import { CallRecord, type RecordedLookup } from './call-record.js';
import { explainRecord } from './explain-record.js';
import { requestFields } from './request-fields.js';
import { type Miss, RequestMemory } from './request-memory.js';

/** Records the latest calls, and the requests that the cache was asked for, in bounded memory. */
export class ExplainedCalls {
  readonly #clock: Clock;
  readonly #maxRecords: number;
  // It keeps at least half of its limit, and at most the limit.
  readonly #records = new RecentMap<CallRecord>();
  readonly #requests: RequestMemory;
  /** Of calls that are looked up now: what they ask for, and what it would be if it were a miss. */
  readonly #lookups = new WeakMap<CallRecord, { readonly key: string; readonly miss: Miss }>();

  constructor(options: Required<ExplainOptions>, clock: Clock, events: TypedEmitter<TuttiEvents>) {
    this.#clock = clock;
    this.#maxRecords = 2 * (options.calls as number);
    this.#requests = new RequestMemory(2 * (options.requests as number));
    events.on('cache:write', ({ key, agent, expiresAt }) => this.#requests.stored(key, agent, expiresAt));
    events.on('cache:skip', ({ key, reason }) => this.#requests.gone(key, reason));
    events.on('cache:reject', ({ key }) => this.#requests.gone(key, 'rejected'));
  }

  /** Takes a step of a call. */
  step(step: CallStep): void {
    const { callId } = step.call;
    let record = this.#records.get(callId);
    if (record === undefined) {
      // Nothing more is known of a call that is no longer kept, or that a shared call outlives.
      if (step.call.attempts > 0 && step.kind !== 'attempt-start') return;
      record = new CallRecord(step);
      this.#records.set(callId, record, this.#maxRecords);
    }
    if (record.outcome !== undefined) return;
    record.take(step, this.#clock.now());
    this.#noteLookup(record, step);
  }

  /** Answers were deleted from the cache: that of a key, or many. */
  forgotten(key: string | undefined): void {
    if (key === undefined) this.#requests.allForgotten();
    else this.#requests.gone(key, 'deleted');
  }

  /** @throws {@link CallNotRecordedError} for a call that is not kept. */
  explain(callId: string): CallExplanation {
    const record = this.#records.get(callId);
    if (record === undefined) throw new CallNotRecordedError(callId, true);
    return explainRecord(record, this.#requests, this.#clock.now());
  }

  #noteLookup(record: CallRecord, step: CallStep): void {
    if (step.kind === 'lookup') this.#lookUp(record, step);
    else if (step.kind === 'no-lookup') record.lookup = { outcome: step.isExcluded ? 'excluded' : 'off' };
    else if (step.kind === 'joined') record.lookup = { outcome: 'joined', joined: step.joined };
    else if (step.kind === 'hit') this.#hit(record, step.tier);
    else if (step.kind === 'miss') record.lookup = this.#missOf(record, step.isRefresh);
  }

  #lookUp(record: CallRecord, { call, key, request }: Extract<CallStep, { kind: 'lookup' }>): void {
    const fields = requestFields(request, call.definition);
    const miss = this.#requests.lookUp(key, call.agent, fields, this.#clock.epochMs());
    this.#lookups.set(record, { key, miss });
    record.lookup = { outcome: 'not-reached' };
  }

  #hit(record: CallRecord, tier: string): void {
    const lookup = this.#lookups.get(record);
    if (lookup !== undefined) this.#requests.stored(lookup.key, record.agent, undefined);
    record.lookup = { outcome: 'hit', tier };
  }

  #missOf(record: CallRecord, isRefresh: boolean): RecordedLookup {
    const lookup = this.#lookups.get(record);
    if (lookup === undefined) return { outcome: 'off' };
    return isRefresh ? { outcome: 'refresh' } : { outcome: 'miss', miss: lookup.miss };
  }
}

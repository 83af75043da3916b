import { RecentMap } from '../../collections/recent-map.js';
import type { NotStored } from '../../contracts/cache-events.js';
import type { CacheExplanation, MissReason } from '../../contracts/explanation.js';
import { differingFields, type RequestFields } from './request-fields.js';

/** What is known of a request that the cache was asked for. */
interface RememberedRequest {
  readonly agent: string;
  readonly fields: RequestFields | undefined;
  /** Positions in the order of events at which its answer was stored first and last; `undefined` if it never was. */
  firstStoredAt: number | undefined;
  lastStoredAt: number | undefined;
  /** Whether its answer was stored and not removed since, as far as is known. */
  isStored: boolean;
  /** When its answer expires, in epoch milliseconds; `undefined` if that is not known. */
  expiresAtMs: number | undefined;
  /** Why its answer is not there any more, or was not stored. */
  gone: 'deleted' | 'rejected' | NotStored | 'failed';
}

/** What was found out when a request was missed. The nearest request is looked for only when it is asked for. */
export interface Miss {
  readonly agent: string;
  readonly fields: RequestFields;
  readonly at: number;
  readonly reason: Exclude<MissReason, 'changed' | 'never-seen'> | undefined;
  readonly notStored: CacheExplanation['notStored'];
}

/** Remembers the latest requests by the digests of their fields: no text of a task is kept. */
export class RequestMemory {
  readonly #maxRequests: number;
  readonly #requests = new RecentMap<RememberedRequest>();
  /** Counts what happens, so that it has an order. */
  #events = 0;
  #allForgottenAt = 0;

  constructor(maxRequests: number) {
    this.#maxRequests = maxRequests;
  }

  /** The request is looked up: takes note of it and says why it would be missed now. */
  lookUp(key: string, agent: string, fields: RequestFields, epochMs: number): Miss {
    const known = this.#requests.get(key);
    const at = ++this.#events;
    const reason = known && this.#reasonOf(known, epochMs);
    const isUnstored = reason === 'not-stored';
    const notStored = isUnstored ? (known?.gone as CacheExplanation['notStored']) : undefined;
    this.#requests.set(key, { ...(known ?? UNSTORED), agent, fields }, this.#maxRequests);
    return { agent, fields, at, reason, notStored };
  }

  /** Its answer was stored, or found stored. */
  stored(key: string, agent: string, expiresAtMs: number | undefined): void {
    const known = this.#requests.get(key) ?? { ...UNSTORED, agent };
    known.lastStoredAt = ++this.#events;
    known.firstStoredAt ??= known.lastStoredAt;
    // A hit says nothing of the end of an answer that is known.
    if (!known.isStored || expiresAtMs !== undefined) known.expiresAtMs = expiresAtMs;
    known.isStored = true;
    this.#requests.set(key, known, this.#maxRequests);
  }

  /** Its answer was removed, or not stored. */
  gone(key: string, why: RememberedRequest['gone']): void {
    const known = this.#requests.get(key);
    if (known === undefined) return;
    known.gone = why;
    known.isStored = false;
  }

  /** Many answers were deleted; which ones is not known. */
  allForgotten(): void {
    this.#allForgottenAt = ++this.#events;
  }

  /** Completes what is known of a miss with the nearest request that was stored before it. */
  explain(miss: Miss): Pick<CacheExplanation, 'reason' | 'differs' | 'notStored'> {
    const { reason, notStored } = miss;
    if (reason !== undefined) return notStored === undefined ? { reason } : { reason, notStored };
    const differs = this.#nearest(miss);
    return differs === undefined ? { reason: 'never-seen' } : { reason: 'changed', differs };
  }

  #reasonOf(known: RememberedRequest, epochMs: number): Miss['reason'] {
    const { lastStoredAt, isStored, gone, expiresAtMs } = known;
    if (lastStoredAt === undefined) return 'not-stored';
    if (!isStored) return gone === 'deleted' || gone === 'rejected' ? gone : 'not-stored';
    if (lastStoredAt < this.#allForgottenAt) return 'deleted';
    if (expiresAtMs !== undefined && expiresAtMs <= epochMs) return 'expired';
    return 'evicted';
  }

  /** Same task first, then the fewest differences, then the latest. */
  #nearest({ agent, fields, at }: Miss): string[] | undefined {
    let nearest: string[] | undefined;
    let fewest = Number.POSITIVE_INFINITY;
    let latest = 0;
    for (const other of this.#requests.values()) {
      if (other.agent !== agent || other.fields === undefined) continue;
      if (other.firstStoredAt === undefined || other.firstStoredAt > at) continue;
      const differs = differingFields(fields, other.fields);
      const isOtherTask = differs.includes('task') || differs.includes('input');
      const distance = differs.length + (isOtherTask ? OTHER_TASK : 0);
      if (distance > fewest || (distance === fewest && other.firstStoredAt < latest)) continue;
      [nearest, fewest, latest] = [differs, distance, other.firstStoredAt];
    }
    return nearest;
  }
}

/** More than any request has fields: one with the same task is nearer than any with another task. */
const OTHER_TASK = 1_000_000;

const UNSTORED = {
  fields: undefined,
  firstStoredAt: undefined,
  lastStoredAt: undefined,
  isStored: false,
  expiresAtMs: undefined,
  gone: 'failed',
} as const;

import type { Secrets } from '../signing/configured-secrets.js';
import { isSignedBy, signHex } from '../signing/hmac.js';
import { KeyRing } from '../signing/key-ring.js';
import { systemClock } from '../time/clock.js';
import { entrySizeBytes, FORMAT_VERSION, type StoredEntry, type UnsealedEntry } from './cache-entry.js';

/**
 * What {@link Seal.verify} finds.
 *
 * - `ok`: exactly what was signed, under the key it was asked for.
 * - `newer-version`: written by a later version of this package. A miss; leave it where it is.
 * - `older-version`, `unknown-key`, `other-key`, `bad-signature`, `malformed`: not ours, or not as we wrote it. A miss;
 *   remove it and count it.
 * - `future`: properly signed, but made more than a minute from now, so some clock was wrong. A miss; leave it.
 */
export type SealVerdict =
  | 'ok'
  | 'newer-version'
  | 'older-version'
  | 'unknown-key'
  | 'other-key'
  | 'bad-signature'
  | 'malformed'
  | 'future';

/** How far ahead of this machine's clock an entry may have been made, in milliseconds. */
const MAX_CLOCK_AHEAD_MS = 60_000;

/** Signs entries on their way out of memory and proves them untouched on their way back. */
export class Seal {
  readonly #keys: KeyRing;
  readonly #epochMs: () => number;

  /**
   * @param secrets The first signs, all verify. The loader has checked their length.
   * @param epochMs Where the date comes from.
   */
  constructor(secrets: Secrets, epochMs: () => number = systemClock.epochMs) {
    this.#keys = new KeyRing(secrets, 'cache');
    this.#epochMs = epochMs;
  }

  /** Short name of the secret that signs. Nothing about the secret can be learnt from it. */
  get keyId(): string {
    return this.#keys.keyId;
  }

  /** The entry with its size, format version, key id and signature. */
  seal(entry: UnsealedEntry): StoredEntry {
    const { keyId, signer } = this.#keys;
    // Field by field: copying an object of this size with `...` costs as much as signing it.
    return {
      key: entry.key,
      agent: entry.agent,
      tags: entry.tags,
      createdAt: entry.createdAt,
      expiresAt: entry.expiresAt,
      staleUntil: entry.staleUntil,
      payload: entry.payload,
      costUsd: entry.costUsd,
      hits: entry.hits,
      sizeBytes: entrySizeBytes(entry),
      formatVersion: FORMAT_VERSION,
      keyId,
      signature: signHex(signer, signedHead(entry, FORMAT_VERSION, keyId), entry.payload),
    };
  }

  /** Whether a stored entry is exactly what was signed, for the requested key. Parses nothing. */
  verify(stored: StoredEntry, expectedKey: string): SealVerdict {
    if (!Number.isSafeInteger(stored.formatVersion)) return 'malformed';
    if (stored.formatVersion > FORMAT_VERSION) return 'newer-version';
    if (stored.formatVersion < FORMAT_VERSION) return 'older-version';
    if (stored.key !== expectedKey) return 'other-key';
    if (typeof stored.payload !== 'string' || stored.sizeBytes !== sizeOf(stored)) return 'malformed';
    const key = this.#keys.find(stored.keyId);
    if (key === undefined) return 'unknown-key';
    if (
      !isSignedBy(
        key,
        signedHead(stored, stored.formatVersion, stored.keyId),
        stored.payload,
        stored.signature,
      )
    )
      return 'bad-signature';
    // Only a properly signed time says anything about clocks.
    return stored.createdAt > this.#epochMs() + MAX_CLOCK_AHEAD_MS ? 'future' : 'ok';
  }
}

type SignedFields = Omit<UnsealedEntry, 'hits' | 'payload'>;

/**
 * Everything that is signed besides the payload, as one line: JSON says where each field ends, and the line break,
 * which JSON text cannot hold, says where the payload starts. `hits` changes with every use and is not signed, and
 * the size follows from what is.
 */
function signedHead(entry: SignedFields, formatVersion: number, keyId: string): string {
  const { key, agent, tags, createdAt, expiresAt, staleUntil, costUsd } = entry;
  const tagList = tags.length === 0 ? '[]' : JSON.stringify(tags);
  // Written by hand, in a third of the time: key and key id are hex, all others are numbers.
  return `[${formatVersion},"${keyId}","${key}",${JSON.stringify(agent)},${tagList},${createdAt},${expiresAt},${staleUntil},${costUsd}]\n`;
}

/** Rows that were tampered with may hold anything where tags should be. */
function sizeOf(stored: StoredEntry): number {
  const { tags } = stored;
  if (!Array.isArray(tags) || !tags.every((tag) => typeof tag === 'string')) return Number.NaN;
  return entrySizeBytes(stored);
}

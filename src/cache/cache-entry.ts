/** Version of the stored format and of what the signature covers. */
export const FORMAT_VERSION = 1;

/** One answer before it is signed: what the cache hands to the seal. */
export interface UnsealedEntry {
  /** 32 lowercase hex characters: what was asked. */
  readonly key: string;
  /** The agent's registered name, for `deleteAgent` and statistics by agent. */
  readonly agent: string;
  /** Labels for `deleteByTag`. */
  readonly tags: readonly string[];
  /** When it was computed, milliseconds since the Unix epoch. Signed. */
  readonly createdAt: number;
  /** When it stops being fresh, milliseconds since the Unix epoch. Signed. */
  readonly expiresAt: number;
  /** Until when it may still be served as stale, milliseconds since the Unix epoch; `expiresAt` without such a time. */
  readonly staleUntil: number;
  /** The answer as JSON text. Signed, and verified before it is parsed. */
  readonly payload: string;
  /** What computing it cost, in US dollars; 0 where unknown. A weight for eviction, never reported. */
  readonly costUsd: number;
  /** How often it was served so far. */
  readonly hits: number;
}

/**
 * One stored answer as the tiers below memory keep it: the payload is opaque text to them, everything else is
 * what they need to find, expire, evict and count it.
 */
export interface StoredEntry extends UnsealedEntry {
  /** Bytes that count towards the tier's limit: payload, key and tags in UTF-8. */
  readonly sizeBytes: number;
  /** Version of the stored format and of what the signature covers. */
  readonly formatVersion: number;
  /** Id of the secret that signed it. */
  readonly keyId: string;
  /** HMAC-SHA256 in 64 lowercase hex characters. */
  readonly signature: string;
}

/** Bytes that an entry counts for: payload, key and tags in UTF-8. */
export function entrySizeBytes(entry: Pick<StoredEntry, 'key' | 'tags' | 'payload'>): number {
  let sizeBytes = entry.key.length + Buffer.byteLength(entry.payload);
  for (const tag of entry.tags) sizeBytes += Buffer.byteLength(tag);
  return sizeBytes;
}

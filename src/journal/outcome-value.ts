import { deserialize, serialize } from 'node:v8';
import type { CallOutcome } from '../contracts/result.js';
import { reviveError, type StoredError, storeError } from '../errors/revive-error.js';
import { canonicalJson } from '../hashing/canonical-json.js';
import type { SqlValue } from '../sqlite/driver.js';

/**
 * An outcome as it is stored: JSON text, or bytes where `data` or `steps` hold what JSON cannot say (dates, maps,
 * BigInt). Without its metadata, which comes with the task each time; `undefined` where it cannot be stored at all.
 */
export function toStoredOutcome(outcome: CallOutcome): SqlValue | undefined {
  const { metadata, ...kept } = outcome;
  if (!kept.success) return JSON.stringify({ ...kept, error: storeError(kept.error) });
  if (isPlain(kept.data) && isPlain(kept.steps)) return JSON.stringify(kept);
  try {
    return serialize(kept);
  } catch {
    // Functions and the like.
    return undefined;
  }
}

/** The outcome again, with the metadata that its task has now. */
export function fromStoredOutcome(
  value: SqlValue,
  metadata: Record<string, unknown> | undefined,
): CallOutcome {
  const own = metadata === undefined ? undefined : { metadata };
  if (ArrayBuffer.isView(value)) return { ...(deserialize(value) as CallOutcome), ...own };
  const kept = JSON.parse(String(value)) as CallOutcome;
  // JSON leaves out what is undefined; an outcome has these keys all the same.
  if (kept.success) return { ...kept, costUsd: kept.costUsd, savedUsd: kept.savedUsd, ...own };
  const error = reviveError(kept.error as unknown as StoredError);
  return { ...kept, costUsd: kept.costUsd, error, ...own };
}

/** Whether JSON says all of it. */
function isPlain(value: unknown): boolean {
  if (value === undefined) return true;
  try {
    canonicalJson(value);
    return true;
  } catch {
    return false;
  }
}

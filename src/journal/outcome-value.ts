import type { CallOutcome } from '../contracts/result.js';
import { completeUsage } from '../contracts/usage.js';
import { reviveError, type StoredError, storeError } from '../errors/revive-error.js';
import { canonicalJson } from '../hashing/canonical-json.js';
import { MAX_VALUE_BYTES } from './journal-rows.js';
import { fromTagged, toTagged } from './tagged-json.js';

/** Fields of an outcome that may hold anything, where they hold what JSON alone cannot say. */
interface Tagged {
  readonly tagged?: { readonly data: unknown; readonly steps: unknown };
}

/**
 * An outcome as it is stored: JSON, without its metadata and turns, which come with the task each time. `undefined` where it
 * cannot be stored: its `data` or `steps` hold functions, instances of classes and the like, or it is too large.
 */
export function toStoredOutcome(outcome: CallOutcome): string | undefined {
  try {
    const text = JSON.stringify(toPlainOutcome(outcome));
    // A character takes up to three bytes; only long strings are worth counting.
    const isShort = text.length <= MAX_VALUE_BYTES / 3;
    return isShort || Buffer.byteLength(text) <= MAX_VALUE_BYTES ? text : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The outcome that was stored, with the metadata that its task has now.
 *
 * @throws when the text is not that of an outcome.
 */
export function fromStoredOutcome(text: string, metadata: Record<string, unknown> | undefined): CallOutcome {
  const own = metadata === undefined ? undefined : { metadata };
  const { tagged, ...kept } = JSON.parse(text) as CallOutcome & Tagged;
  // JSON leaves out what is undefined; these keys are always there.
  kept.usage = completeUsage(kept.usage);
  if (kept.success) {
    const { costUsd, savedUsd } = kept;
    return { ...kept, costUsd, savedUsd, ...(tagged && untag(tagged)), ...own };
  }
  const error = reviveError(kept.error as unknown as StoredError);
  return { ...kept, costUsd: kept.costUsd, error, ...own };
}

function toPlainOutcome({ metadata, ...kept }: CallOutcome): object {
  if (!kept.success) return { ...kept, error: storeError(kept.error) };
  // Its turns hold the task, which comes with the run each time.
  const { messages, ...answer } = kept;
  if (isPlain(answer.data) && isPlain(answer.steps)) return answer;
  const { data, steps, ...rest } = answer;
  return { ...rest, tagged: toTagged({ data, steps }) };
}

function untag(tagged: NonNullable<Tagged['tagged']>): object {
  const { data, steps } = fromTagged(tagged as never) as { data: unknown; steps: unknown };
  return { ...(data === undefined ? undefined : { data }), ...(steps === undefined ? undefined : { steps }) };
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

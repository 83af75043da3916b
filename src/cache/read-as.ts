import type { OutputSchema } from '../contracts/output-schema.js';
import type { StoredAnswer } from './cached-answer.js';

/** Reads an answer as the value that a schema describes. */
export interface TypedReader<Data> {
  /** Whether the answer holds such a value. */
  readonly accepts: (answer: StoredAnswer) => boolean;
  /** The value of the answer that was accepted last. */
  data(): Data;
}

/** Makes a reader for one answer. */
export function readAs<Data>(schema: OutputSchema<Data>): TypedReader<Data> {
  let found: Data | undefined;
  const accepts = (answer: StoredAnswer): boolean => {
    const value = storedValue(answer);
    const parsed = value === undefined ? undefined : schema.safeParse(value);
    if (parsed?.success !== true) return false;
    found = parsed.data;
    return true;
  };
  return { accepts, data: () => found as Data };
}

/** A copy of the value: what the cache holds is frozen, and a schema may return what it is given. */
function storedValue({ data, output }: StoredAnswer): unknown {
  if (data !== undefined) return structuredClone(data);
  try {
    return JSON.parse(output) as unknown;
  } catch {
    return undefined;
  }
}

import type { RunDifference } from '../errors/run-errors.js';
import { canonicalJson } from '../hashing/canonical-json.js';
import { sha256Hex } from '../hashing/digest.js';

/** Everything of a task that can change its answer. */
export interface TaskIdentity {
  readonly agent: string;
  /** Digest of the agent's definition. */
  readonly definition: string | undefined;
  readonly task: string;
  /** Of a task with more than text: all turns, files by the digest of their bytes, as JSON. */
  readonly input?: unknown;
  /** The parameters that reach the agent. */
  readonly params: Readonly<Record<string, unknown>>;
  readonly model: string | undefined;
  readonly tenant: string | undefined;
}

const PARTS = ['agent', 'definition', 'task', 'params', 'model', 'tenant'] as const satisfies readonly (
  | RunDifference
  | keyof TaskIdentity
)[];
const PART_BYTES = 8;
/** How long a fingerprint is: one short digest for each part, so that an error can say which part differs. */
export const FINGERPRINT_BYTES = PARTS.length * PART_BYTES;

const MAX_KNOWN_DIGESTS = 1_000;
// Tasks differ; agents, models and parameters are few, and so are their digests.
const known = new Map<string, string>();

/**
 * A task's fingerprint in hex.
 *
 * @throws {@link InvalidArgumentError} when a parameter is something that JSON cannot say.
 */
export function fingerprintOf(identity: TaskIdentity): string {
  const { agent, definition, task, input, params, model, tenant } = identity;
  return (
    recall(agent) +
    recall(definition) +
    // Marked, so that it is no text of a task.
    digest(input === undefined ? task : `\0${canonicalJson(input, 'task')}`) +
    recall(canonicalJson(params, 'params')) +
    recall(model) +
    recall(tenant)
  );
}

/** Which parts of two fingerprints, as bytes, differ. */
export function differingParts(a: Uint8Array, b: Uint8Array): RunDifference[] {
  return PARTS.filter((_part, index) => {
    const from = index * PART_BYTES;
    return Buffer.compare(a.subarray(from, from + PART_BYTES), b.subarray(from, from + PART_BYTES)) !== 0;
  });
}

function recall(text: string | undefined): string {
  // What is left out is not the same as what is empty.
  const marked = text === undefined ? '-' : `+${text}`;
  const found = known.get(marked);
  if (found !== undefined) return found;
  const made = digest(marked);
  if (known.size >= MAX_KNOWN_DIGESTS) known.clear();
  known.set(marked, made);
  return made;
}

function digest(text: string): string {
  return sha256Hex(text).slice(0, PART_BYTES * 2);
}

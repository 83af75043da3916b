import type { DeepReadonly } from '../collections/deep-freeze.js';
import type { OutputSchema } from '../contracts/output-schema.js';
import { InvalidArgumentError } from '../errors/input-errors.js';
import { canonicalJson } from '../hashing/canonical-json.js';
import { describeValue } from '../input/describe-value.js';
import { describeIssues, pathText } from '../output/describe-issues.js';

/** Computes the next state from the one before. Must not change it, and returns the state, not a promise. */
export type StateUpdater<State> = (state: DeepReadonly<State>) => DeepReadonly<State> | State;

/** One change that waits to be written. */
export interface PendingUpdate<State> {
  /** Computes the next state; `undefined` for a `set`, which needs none before. */
  readonly update: StateUpdater<State> | undefined;
  /** The value of a `set`. */
  readonly value?: unknown;
  readonly resolve: (state: DeepReadonly<State>) => void;
  readonly reject: (error: unknown) => void;
}

/** A function that merges the fields of a patch into a state that is an object. */
export function patchWith<State>(patch: unknown): StateUpdater<State> {
  if (!isFields(patch)) {
    throw new InvalidArgumentError(
      'patch',
      `patch: expected an object with the fields to change, or a function (state) => state; got ${describeValue(patch)}.`,
    );
  }
  return (state) => {
    if (isFields(state)) return { ...state, ...patch };
    throw new InvalidArgumentError(
      'patch',
      `patch: expected a function (state) => state, as the state is ${describeValue(state)} and has no fields to change.`,
    );
  };
}

function isFields(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The text of a value that is to become the state.
 *
 * @throws {@link InvalidArgumentError} when the value does not match the schema or is not JSON.
 */
export function stateText<State>(value: unknown, schema: OutputSchema<State>): string {
  if (typeof (value as PromiseLike<unknown> | null)?.then === 'function') {
    // Whatever comes of it is of no use, and must not end the process.
    Promise.resolve(value).catch(() => {});
    const problem =
      'update: expected the next state; got a promise. Wait for what you need before the update.';
    throw new InvalidArgumentError('update', problem);
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const path = pathText(parsed.error.issues[0]?.path ?? []);
    throw new InvalidArgumentError(
      path === '' ? 'state' : `state.${path}`,
      `state: the value does not match the schema: ${describeIssues(parsed.error)}.`,
    );
  }
  canonicalJson(parsed.data, 'state');
  return `${JSON.stringify(parsed.data, null, 2)}\n`;
}

/** An update that the file is to be written for. */
export interface AcceptedUpdate<State> {
  readonly pending: PendingUpdate<State>;
  /** The state that it has led to. */
  readonly state: DeepReadonly<State>;
}

/** What updates make of a state. */
export interface AppliedUpdates<State> {
  readonly accepted: ReadonlyArray<AcceptedUpdate<State>>;
  /** The text that the file is to have; `undefined` if no update has set a value. */
  readonly text: string | undefined;
}

/**
 * Applies updates in order, each to the state that the one before has led to. One that fails is rejected at once and
 * changes nothing.
 *
 * @param base The state to start from, or why there is none: then only values that are set count, and updates after them.
 * @param read Returns the state that a text stands for.
 */
export function applyUpdates<State>(
  updates: ReadonlyArray<PendingUpdate<State>>,
  base: { readonly state: DeepReadonly<State> } | { readonly error: unknown },
  schema: OutputSchema<State>,
  read: (text: string) => DeepReadonly<State>,
): AppliedUpdates<State> {
  let from = base;
  let text: string | undefined;
  const accepted: Array<AcceptedUpdate<State>> = [];
  for (const pending of updates) {
    try {
      const value = nextValue(pending, from);
      if (!('state' in from) || value !== from.state) {
        text = stateText(value, schema);
        from = { state: read(text) };
      }
      accepted.push({ pending, state: from.state });
    } catch (error) {
      pending.reject(error);
    }
  }
  return { accepted, text };
}

function nextValue<State>(
  { update, value }: PendingUpdate<State>,
  from: { readonly state: DeepReadonly<State> } | { readonly error: unknown },
): unknown {
  if (update === undefined) return value;
  if ('error' in from) throw from.error;
  return update(from.state);
}

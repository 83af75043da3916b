import type { AnyTuttiError } from './any-tutti-error.js';
import type { ErrorCode } from './codes.js';

// A registered symbol instead of `instanceof`: two copies of the package in one process, and realms such as a test
// runner's, still recognise each other's errors.
const BRAND = Symbol.for('tutti.error');

/** Options of every {@link TuttiError}. */
export interface TuttiErrorOptions {
  /** Whether the same call may succeed if it is repeated. */
  retryable?: boolean | undefined;
  /** Facts about the failure: sizes, ids, limits. Never prompts, answers or secrets. */
  details?: Readonly<Record<string, unknown>> | undefined;
  /** The original thrown value, of any type. */
  cause?: unknown;
}

/**
 * Base class of every error that this package throws or puts into a result.
 *
 * Decide by `code` or `retryable`, not by the message: messages are for people and may change.
 *
 * @typeParam Code The code of its class; the union of them where a class has several.
 */
export class TuttiError<Code extends ErrorCode = ErrorCode> extends Error {
  /** What went wrong, from a closed list. */
  readonly code: Code;
  /** Whether the same call may succeed if it is repeated. */
  readonly retryable: boolean;
  /** Facts about the failure: sizes, ids, limits. Never prompts, answers or secrets. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: Code, message: string, options: TuttiErrorOptions = {}) {
    // Without a cause the property stays absent, as with any Error; a thrown `undefined` is kept as a cause.
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.details = options.details ?? {};
  }

  // On the prototype, so that it is not an own key of every instance.
  /** The class's name, for instance `TimeoutError`. */
  override get name(): string {
    return this.constructor.name;
  }

  /** @internal */
  get [BRAND](): true {
    return true;
  }

  /**
   * Whether a value is a TuttiError, even if it was created by another copy of this package or in another realm,
   * where `instanceof` fails. Comparing its `code` then narrows the type to the class. On a subclass it is the same
   * question: whether the value is any TuttiError.
   */
  static isInstance(value: unknown): value is AnyTuttiError {
    if (typeof value !== 'object' || value === null) return false;
    try {
      return BRAND in value;
    } catch {
      // Anything can be thrown, even a Proxy that throws at every access.
      return false;
    }
  }

  /** A plain object for logs and transport: name, code, message, retryable, details and the cause's message. */
  toJSON(): Record<string, unknown> {
    const { cause } = this;
    return {
      name: this.name,
      code: this.code,
      message: this.message,
      retryable: this.retryable,
      details: this.details,
      ...(cause === undefined ? {} : { cause: describeCause(cause) }),
    };
  }
}

/** A cause may be anything; logging an error must not fail because of it. */
function describeCause(cause: unknown): unknown {
  try {
    if (TuttiError.isInstance(cause)) return cause.toJSON();
    if (typeof cause === 'object' && cause !== null && 'message' in cause) {
      return { name: textOf((cause as { name?: unknown }).name), message: textOf(cause.message) };
    }
    return typeof cause === 'object' || typeof cause === 'function' ? typeof cause : String(cause);
  } catch {
    return 'a cause that cannot be read';
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

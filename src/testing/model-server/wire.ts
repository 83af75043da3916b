import type { FullAnswer } from './scripted-answer.js';

/** An error, before a protocol writes it in its own form. */
export interface WireError {
  readonly type: string;
  readonly code: string | undefined;
  readonly message: string;
}

/** How a protocol writes an answer. */
export interface Wire {
  /** The whole answer. */
  json(answer: FullAnswer): unknown;
  /** The answer as server-sent events, one string each, created lazily. */
  events(answer: FullAnswer): Iterable<string>;
  /** An error as a body. */
  error(error: WireError): unknown;
  /** An error as an event inside a stream. */
  errorEvent(error: WireError): string;
}

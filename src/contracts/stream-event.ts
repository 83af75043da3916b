import type { FinishReason, Usage } from './usage.js';

/** One event of a stream. A complete stream ends with `finish`. */
export type StreamEvent =
  | {
      /** A piece of the answer. */
      type: 'text-delta';
      /** The text of the piece. */
      text: string;
    }
  | {
      /** A piece of the model's reasoning; not part of the output. */
      type: 'reasoning-delta';
      /** The text of the piece. */
      text: string;
    }
  | {
      /** The model calls a tool. */
      type: 'tool-call';
      /** The provider's id of this tool call. */
      id: string;
      /** The tool's name. */
      name: string;
      /** The tool's input, as the model sent it. */
      input: unknown;
    }
  | {
      /** A tool has returned; the model receives the result next. */
      type: 'tool-result';
      /** The provider's id of the tool call. */
      id: string;
      /** The tool's name. */
      name: string;
      /** What the model receives. */
      output: string;
      /** Whether `output` is an error. */
      isError: boolean;
    }
  | {
      /** Tokens used so far; later counts replace earlier ones. */
      type: 'usage';
      /** The tokens. */
      usage: Partial<Usage>;
    }
  | {
      /** The value of an agent with an `output` schema, so far. Read from the text; not validated. */
      type: 'object';
      /**
       * The answer so far, before any transform: parts that are not complete, or do not have the schema's shape, are
       * left out. Strings may be incomplete, apart from those of an `enum`, a literal or a format.
       */
      partial: unknown;
    }
  | {
      /** The stream is complete. */
      type: 'finish';
      /** Why it ended. */
      finishReason: FinishReason;
    };

import type { FinishReason, Usage } from './usage.js';

/** One thing that happens in a stream. A stream ends with `finish` when it is complete. */
export type StreamEvent =
  | {
      /** A piece of the answer. */
      type: 'text-delta';
      /** The piece. */
      text: string;
    }
  | {
      /** A piece of the model's reasoning; not part of the output. */
      type: 'reasoning-delta';
      /** The piece. */
      text: string;
    }
  | {
      /** The model asks for a tool. */
      type: 'tool-call';
      /** The provider's id of this tool call. */
      id: string;
      /** The tool's name. */
      name: string;
      /** The tool's arguments, as the model gave them. */
      input: unknown;
    }
  | {
      /** Tokens used so far; the last one counts. */
      type: 'usage';
      /** The tokens. */
      usage: Partial<Usage>;
    }
  | {
      /** The stream is complete. */
      type: 'finish';
      /** Why it ended. */
      finishReason: FinishReason;
    };

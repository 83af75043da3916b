import type { FinishReason } from '../../contracts/usage.js';

/** The protocol of a request. */
export type ModelApi = 'messages' | 'chat' | 'responses';

/** A tool call of the scripted model. */
export interface ScriptedToolCall {
  /** Its id. @default one made from its index */
  readonly id?: string | undefined;
  /** The tool's name. */
  readonly name: string;
  /** Its input. A string is sent unchanged, even if it is not JSON. */
  readonly input: unknown;
}

/** The usage that the scripted model reports. */
export interface ScriptedUsage {
  /** Input tokens, without cached ones. @default 10 */
  readonly inputTokens?: number | undefined;
  /** Output tokens. @default 5 */
  readonly outputTokens?: number | undefined;
  /** Tokens read from the prompt cache. @default 0 */
  readonly cacheReadTokens?: number | undefined;
  /** Tokens written to the prompt cache. @default 0 */
  readonly cacheWriteTokens?: number | undefined;
  /** Those of them that are kept for an hour; only the Messages API reports them. @default 0 */
  readonly cacheWrite1hTokens?: number | undefined;
}

/**
 * A fault of an answer.
 *
 * - `reset-before-headers`, `reset-mid-body`: the connection is reset.
 * - `hang`: the headers are sent, the body never is.
 * - `drip`: the body is sent one byte every `dripMs` milliseconds.
 * - `truncated-json`, `invalid-utf8`: the body is broken; a stream breaks within an event.
 * - `cut-stream`: the stream ends cleanly, but between two events.
 * - `error-event`: an error event after the first events of a stream.
 * - `error-body`: status 200 with an error as its body.
 * - `html`: status 200 with a web page.
 * - `huge-body`: a JSON answer of `sizeBytes`.
 * - `unknown-events`: event types that no client knows, between the real ones.
 */
export type ModelFault =
  | 'reset-before-headers'
  | 'reset-mid-body'
  | 'hang'
  | 'drip'
  | 'truncated-json'
  | 'invalid-utf8'
  | 'cut-stream'
  | 'error-event'
  | 'error-body'
  | 'html'
  | 'huge-body'
  | 'unknown-events';

/** One answer of the model server. All fields are optional: `{}` answers `ok`. */
export interface ScriptedAnswer {
  /** The answer: a string, or the pieces that a stream sends, which may be endless. @default 'ok' */
  readonly text?: string | Iterable<string> | undefined;
  /** Reasoning before the answer, in pieces. */
  readonly reasoning?: readonly string[] | undefined;
  /** Tools that the model calls. */
  readonly toolCalls?: readonly ScriptedToolCall[] | undefined;
  /** Tokens used. */
  readonly usage?: ScriptedUsage | undefined;
  /** Why the answer ended. @default `tool-calls` with tool calls, else `stop` */
  readonly finishReason?: FinishReason | undefined;
  /** The model that answers. @default the requested one */
  readonly model?: string | undefined;
  /** Additional headers, for instance rate limits or `retry-after`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** An HTTP status from 400: the answer is an error in the form of the protocol. */
  readonly status?: number | undefined;
  /** The error's type, for a `status`, `error-event` or `error-body`. @default one that matches the status */
  readonly errorType?: string | undefined;
  /** The error's code, for a `status`, `error-event` or `error-body`. */
  readonly errorCode?: string | undefined;
  /** Time before the headers, in milliseconds. @default 0 */
  readonly delayMs?: number | undefined;
  /** Time before each chunk of a stream, in milliseconds. @default 0 */
  readonly chunkDelayMs?: number | undefined;
  /** Sends a stream in pieces of this many bytes, even if that splits events or characters. */
  readonly splitBytes?: number | undefined;
  /** The fault of the answer. */
  readonly fault?: ModelFault | undefined;
  /** Time between two bytes of the fault `drip`, in milliseconds. @default 1_000 */
  readonly dripMs?: number | undefined;
  /** Size of the body of the fault `huge-body`, in bytes. @default 52_428_800 */
  readonly sizeBytes?: number | undefined;
}

/** An answer with every field that the protocols need. */
export interface FullAnswer extends ScriptedAnswer {
  readonly pieces: Iterable<string>;
  readonly modelName: string;
  readonly tokens: Required<{ [Count in keyof ScriptedUsage]: number }>;
  readonly finish: FinishReason;
  readonly calls: ReadonlyArray<{ id: string; name: string; argumentsText: string; input: unknown }>;
}

/** Completes the answer to a request with this body. */
export function fillAnswer(answer: ScriptedAnswer, body: Readonly<Record<string, unknown>>): FullAnswer {
  const { text = 'ok', usage = {}, toolCalls = [] } = answer;
  return {
    ...answer,
    pieces: typeof text === 'string' ? [text] : text,
    modelName: answer.model ?? (typeof body.model === 'string' ? body.model : 'unnamed'),
    tokens: {
      inputTokens: usage.inputTokens ?? 10,
      outputTokens: usage.outputTokens ?? 5,
      cacheReadTokens: usage.cacheReadTokens ?? 0,
      cacheWriteTokens: usage.cacheWriteTokens ?? 0,
      cacheWrite1hTokens: usage.cacheWrite1hTokens ?? 0,
    },
    finish: answer.finishReason ?? (toolCalls.length > 0 ? 'tool-calls' : 'stop'),
    calls: toolCalls.map(({ id, name, input }, index) => ({
      id: id ?? `call_${index}`,
      name,
      input,
      argumentsText: typeof input === 'string' ? input : JSON.stringify(input),
    })),
  };
}

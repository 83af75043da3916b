import type { FinishReason } from '../../contracts/usage.js';

/** Which protocol a request speaks. */
export type ModelApi = 'messages' | 'chat' | 'responses';

/** A tool call that the scripted model makes. */
export interface ScriptedToolCall {
  /** Its id. @default one made from its place */
  readonly id?: string | undefined;
  /** The tool's name. */
  readonly name: string;
  /** Its arguments. A string is sent as it is, JSON or not. */
  readonly input: unknown;
}

/** Tokens that the scripted model says it used. */
export interface ScriptedUsage {
  /** Tokens sent, without cached ones. @default 10 */
  readonly inputTokens?: number | undefined;
  /** Tokens produced. @default 5 */
  readonly outputTokens?: number | undefined;
  /** Tokens read from the prompt cache. @default 0 */
  readonly cacheReadTokens?: number | undefined;
  /** Tokens written to the prompt cache. @default 0 */
  readonly cacheWriteTokens?: number | undefined;
}

/**
 * What goes wrong with an answer.
 *
 * - `reset-before-headers`, `reset-mid-body`: the connection is reset.
 * - `hang`: headers come, the body never does.
 * - `drip`: the body comes one byte every `dripMs` milliseconds.
 * - `truncated-json`, `invalid-utf8`: the body is broken; a stream is cut within an event.
 * - `cut-stream`: the stream ends, politely, between two events.
 * - `error-event`: an error inside the stream after its first half.
 * - `error-body`: status 200 with an error as its body.
 * - `html`: status 200 with a web page.
 * - `huge-body`: a JSON answer of `sizeBytes`.
 * - `unknown-events`: event types that no client knows between the real ones.
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

/** One answer of the model server. Everything has a default: `{}` answers `ok`. */
export interface ScriptedAnswer {
  /** The answer: whole, or in the pieces that a stream sends. May be endless for a stream. @default 'ok' */
  readonly text?: string | Iterable<string> | undefined;
  /** Reasoning before the answer, in pieces. */
  readonly reasoning?: readonly string[] | undefined;
  /** Tools that the model asks for. */
  readonly toolCalls?: readonly ScriptedToolCall[] | undefined;
  /** Tokens used. */
  readonly usage?: ScriptedUsage | undefined;
  /** Why it stopped. @default `tool-calls` with tool calls, else `stop` */
  readonly finishReason?: FinishReason | undefined;
  /** The model that answers. @default the one that was asked */
  readonly model?: string | undefined;
  /** More headers, for instance rate limits or `retry-after`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** An HTTP status from 400 up: the answer is an error in the protocol's own form. */
  readonly status?: number | undefined;
  /** The error's own type, for a `status`, `error-event` or `error-body`. */
  readonly errorType?: string | undefined;
  /** The error's own code, for a `status`, `error-event` or `error-body`. */
  readonly errorCode?: string | undefined;
  /** Time before the headers, in milliseconds. @default 0 */
  readonly delayMs?: number | undefined;
  /** Time before each chunk of a stream, in milliseconds. @default 0 */
  readonly chunkDelayMs?: number | undefined;
  /** Sends a stream in pieces of this many bytes, wherever that cuts. */
  readonly splitBytes?: number | undefined;
  /** What goes wrong. */
  readonly fault?: ModelFault | undefined;
  /** Time between two bytes of the fault `drip`, in milliseconds. @default 1_000 */
  readonly dripMs?: number | undefined;
  /** Size of the fault `huge-body`. @default 52_428_800 */
  readonly sizeBytes?: number | undefined;
}

/** An answer with what every protocol needs filled in. */
export interface FullAnswer extends ScriptedAnswer {
  readonly pieces: Iterable<string>;
  readonly modelName: string;
  readonly tokens: Required<{ [Count in keyof ScriptedUsage]: number }>;
  readonly finish: FinishReason;
  readonly calls: ReadonlyArray<{ id: string; name: string; argumentsText: string; input: unknown }>;
}

/** Fills an answer in for the request with this body. */
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
    },
    finish: answer.finishReason ?? (toolCalls.length > 0 ? 'tool-calls' : 'stop'),
    calls: toolCalls.map(({ id, name, input }, place) => ({
      id: id ?? `call_${place}`,
      name,
      input,
      argumentsText: typeof input === 'string' ? input : JSON.stringify(input),
    })),
  };
}

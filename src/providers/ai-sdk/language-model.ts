/**
 * The part of the AI SDK's language model interface (specification v2, v3 and v4) that is used. It is loose on purpose:
 * models of all three match, and their package is not needed to compile.
 */
export interface AiSdkModel {
  /** `v2`, `v3` or `v4`. */
  readonly specificationVersion: string;
  /** The model's provider, for instance `anthropic.messages`. */
  readonly provider: string;
  /** The model's name. */
  readonly modelId: string;
  /** Returns the whole answer. */
  doGenerate(options: object): PromiseLike<unknown>;
  /** Streams the answer. */
  doStream(options: object): PromiseLike<unknown>;
}

/** A part of an answer: the fields that are read. */
export interface AnswerPart {
  readonly type: string;
  readonly text?: string;
  readonly toolCallId?: string;
  readonly toolName?: string;
  /** JSON. */
  readonly input?: string;
  readonly providerExecuted?: boolean;
  readonly providerMetadata?: unknown;
}

/** Tokens: plain numbers in v2, nested since v3. */
export interface ModelUsage {
  readonly inputTokens?: number | NestedInput | undefined;
  readonly outputTokens?: number | { readonly total?: number | undefined } | undefined;
  readonly cachedInputTokens?: number | undefined;
}

/** Input tokens since v3. */
export interface NestedInput {
  readonly total?: number | undefined;
  readonly noCache?: number | undefined;
  readonly cacheRead?: number | undefined;
  readonly cacheWrite?: number | undefined;
}

/** A string in v2, an object with that string since v3. */
export type ModelFinishReason = string | { readonly unified?: string; readonly raw?: string };

/** The result of `doGenerate`: the fields that are read. */
export interface GenerateAnswer {
  readonly content: readonly AnswerPart[];
  readonly finishReason: ModelFinishReason;
  readonly usage: ModelUsage;
  readonly providerMetadata?: unknown;
  readonly response?: { readonly modelId?: string; readonly headers?: Readonly<Record<string, string>> };
}

/** The result of `doStream`: the fields that are read. */
export interface StreamAnswer {
  readonly stream: ReadableStream<StreamPart>;
  readonly response?: { readonly headers?: Readonly<Record<string, string>> };
}

/** A part of a stream: the fields that are read. Unknown types are ignored. */
export interface StreamPart extends AnswerPart {
  readonly id?: string;
  readonly delta?: string;
  readonly modelId?: string;
  readonly usage?: ModelUsage;
  readonly finishReason?: ModelFinishReason;
  readonly error?: unknown;
}

/**
 * The part of the AI SDK's language model interface (specification v2 and v3) that is used. Loose on purpose:
 * a model of either version fits, and the package that it comes from is not needed to compile.
 */
export interface AiSdkModel {
  /** `v2` or `v3`. */
  readonly specificationVersion: string;
  /** Who provides it, for instance `anthropic.messages`. */
  readonly provider: string;
  /** Its name. */
  readonly modelId: string;
  /** Answers at once. */
  doGenerate(options: object): PromiseLike<unknown>;
  /** Answers piece by piece. */
  doStream(options: object): PromiseLike<unknown>;
}

/** A part of an answer, as far as it is read. */
export interface ContentPart {
  readonly type: string;
  readonly text?: string;
  readonly toolCallId?: string;
  readonly toolName?: string;
  /** JSON. */
  readonly input?: string;
  readonly providerExecuted?: boolean;
  readonly providerMetadata?: unknown;
}

/** Tokens: flat in v2, nested in v3. */
export interface ModelUsage {
  readonly inputTokens?: number | NestedInput | undefined;
  readonly outputTokens?: number | { readonly total?: number | undefined } | undefined;
  readonly cachedInputTokens?: number | undefined;
}

/** Input tokens as v3 counts them. */
export interface NestedInput {
  readonly total?: number | undefined;
  readonly noCache?: number | undefined;
  readonly cacheRead?: number | undefined;
  readonly cacheWrite?: number | undefined;
}

/** A word in v2; in v3 an object with the word in it. */
export type ModelFinishReason = string | { readonly unified?: string };

/** What `doGenerate` gives, as far as it is read. */
export interface GenerateAnswer {
  readonly content: readonly ContentPart[];
  readonly finishReason: ModelFinishReason;
  readonly usage: ModelUsage;
  readonly response?: { readonly modelId?: string; readonly headers?: Readonly<Record<string, string>> };
}

/** What `doStream` gives, as far as it is read. */
export interface StreamAnswer {
  readonly stream: ReadableStream<StreamPart>;
  readonly response?: { readonly headers?: Readonly<Record<string, string>> };
}

/** A part of a stream, as far as it is read. Types that are not known are passed over. */
export interface StreamPart extends ContentPart {
  readonly id?: string;
  readonly delta?: string;
  readonly modelId?: string;
  readonly usage?: ModelUsage;
  readonly finishReason?: ModelFinishReason;
  readonly error?: unknown;
}

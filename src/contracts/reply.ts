import type { StreamEvent } from './stream-event.js';
import type { ToolStep } from './tool.js';
import type { FinishReason, Usage } from './usage.js';

/** A reply with more than text. */
export interface AgentReplyObject {
  /** The answer. */
  output: string;
  /** The answer as a value. Validated against the definition's `output` schema, if there is one. */
  data?: unknown;
  /** Tokens used. */
  usage?: Partial<Usage> | undefined;
  /** What the answer cost, in US dollars. */
  costUsd?: number | undefined;
  /** The model that answered. */
  model?: string | undefined;
  /** Why the answer ended. @default 'stop' */
  finishReason?: FinishReason | undefined;
  /** The model's steps and tool calls, if the agent has tools. */
  steps?: readonly ToolStep[] | undefined;
}

/** The return value of an agent function: text, or text with usage, cost and the like. */
export type AgentReply = string | AgentReplyObject;

/** What a provider's stream may return when it is complete, beyond what its events carry. */
export type StreamSummary = Pick<AgentReplyObject, 'costUsd' | 'model' | 'steps'>;

/** The return value of a streaming agent function: pieces of text, or stream events. */
export type AgentStreamReply = AsyncIterable<string | StreamEvent>;

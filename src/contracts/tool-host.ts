import type { Clock } from '../time/clock.js';
import type { ApprovalAnswer, ApprovalRequest } from './approval.js';

/** A tool call that runs. */
export interface RunningTool {
  /** The tool's name. */
  readonly tool: string;
  /** The model's id of the tool call. */
  readonly toolCallId: string;
  /** The tool call's key. */
  readonly key: string;
}

/** What a call offers to a provider that runs tools for it. */
export interface ToolHost {
  /** Times `timeoutMs` of tools. */
  readonly clock: Clock;
  /** Answers to approval requests, by their ids. */
  readonly approvals?: Readonly<Record<string, boolean>> | undefined;
  /**
   * Asks whether a tool call may run; absent if nothing answers such requests. The clocks of the attempt stand still
   * meanwhile. Rejects when the signal is aborted.
   */
  readonly askApproval?:
    | ((request: ApprovalRequest, signal: AbortSignal) => Promise<ApprovalAnswer>)
    | undefined;
  /** Called when a tool starts. The provider calls the returned function when it has ended. */
  started(tool: RunningTool): (isError: boolean) => void;
}

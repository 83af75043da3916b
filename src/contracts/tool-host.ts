import type { Clock } from '../time/clock.js';
import type { ApprovalAnswer, ApprovalRequest } from './approval.js';
import type { Usage } from './usage.js';

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
  /**
   * Gives up the attempt's permit, and whatever else it keeps from other calls, while its tools wait for other calls. Its
   * timeouts stand still. The returned function waits for all of it again; it rejects if the attempt ends first.
   */
  readonly lendPermit?: (() => () => Promise<void>) | undefined;
  /** Adds to what the call has used and cost: what its tools have spent in other calls. */
  readonly addSpent?: ((usage: Partial<Usage>, costUsd: number | undefined) => void) | undefined;
  /** Called when a tool starts. The provider calls the returned function when it has ended. */
  started(tool: RunningTool): (isError: boolean) => void;
}

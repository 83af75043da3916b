import type { ApprovalRequest } from '../errors/tool-errors.js';

export type { ApprovalRequest };

/** Whether a tool call may run. The model receives the reason if it may not. */
export type ApprovalAnswer =
  | boolean
  | {
      /** Whether the tool call may run. */
      readonly approved: boolean;
      /** Why not; the model receives it. */
      readonly reason?: string | undefined;
    };

/**
 * Decides about a tool call, now or later: the attempt has no permit meanwhile, and its timeouts stand still. The
 * context's `signal` is aborted when the attempt ends without the answer.
 */
export type OnApproval = (
  request: ApprovalRequest,
  context: { readonly signal: AbortSignal },
) => ApprovalAnswer | Promise<ApprovalAnswer>;

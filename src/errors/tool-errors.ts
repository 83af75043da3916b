import { TuttiError } from './tutti-error.js';

/** A tool call that an error is about. */
export interface ToolCallIdentity {
  /** The agent whose model called the tool. */
  readonly agent: string;
  /** The tool's name. */
  readonly tool: string;
  /** The tool call's key, as the tool received it. */
  readonly key: string;
}

/**
 * A tool call started and its result was lost, and nothing says whether it took effect: the tool has no `reconcile`, or
 * that failed, and it is not `idempotent`. The tool was not run again. What `reconcile` threw is the `cause`.
 */
export class ToolInDoubtError extends TuttiError<'TUTTI_TOOL_IN_DOUBT'> {
  /** The agent whose model called the tool. */
  readonly agent: string;
  /** The tool's name. */
  readonly tool: string;
  /** The tool call's key, as the tool received it. */
  readonly key: string;

  constructor({ agent, tool, key }: ToolCallIdentity, ...cause: [unknown?]) {
    const why = cause.length === 0 ? 'the tool has no reconcile(key)' : 'its reconcile(key) failed';
    super(
      'TUTTI_TOOL_IN_DOUBT',
      `Agent "${agent}" started a call of tool "${tool}" whose result was lost, and ${why}, so it may have taken effect ` +
        `and was not run again (key "${key}"). Look up the key where the tool works; give the tool reconcile(key) that ` +
        'does so, or idempotent: true if running it twice is harmless.',
      { details: { agent, tool, key }, ...(cause.length === 0 ? undefined : { cause: cause[0] }) },
    );
    this.agent = agent;
    this.tool = tool;
    this.key = key;
  }
}

/** A tool call that has to be approved before it runs. */
export interface ApprovalRequest {
  /**
   * What `approvals` answers. The same in a later call of the same agent whose model calls the tool with the same input;
   * in a run with a `runId` the same for this task alone.
   */
  readonly id: string;
  /** The agent whose model calls the tool. */
  readonly agent: string;
  /** The tool's name. */
  readonly tool: string;
  /** The input, as the model sent it. */
  readonly input: unknown;
  /** The model's id of the tool call. */
  readonly toolCallId: string;
  /** The tool call's key, as the tool will receive it. */
  readonly key: string;
}

/**
 * Calls of tools have to be approved, and nothing decided about them: none of them ran. `approvals` says which. Make the
 * call again with the answers in its `approvals`, or with `onApproval`. What `onApproval` threw is the `cause`.
 */
export class ApprovalRequiredError extends TuttiError<'TUTTI_APPROVAL_REQUIRED'> {
  /** The agent whose model called the tools. */
  readonly agent: string;
  /** The calls to decide about. The option `approvals` of a later call answers each by its `id`. */
  readonly approvals: readonly ApprovalRequest[];

  constructor(agent: string, approvals: readonly ApprovalRequest[], ...cause: [unknown?]) {
    const tools = approvals.map(({ tool, id }) => `${tool} (${id})`).join(', ');
    super(
      'TUTTI_APPROVAL_REQUIRED',
      `Agent "${agent}" needs approval to call: ${tools}. Make the call again with ` +
        "approvals: { '<id>': true or false }, or give the agent or the call onApproval.",
      {
        details: { agent, ids: approvals.map(({ id }) => id) },
        ...(cause.length === 0 ? undefined : { cause: cause[0] }),
      },
    );
    this.agent = agent;
    this.approvals = approvals;
  }
}

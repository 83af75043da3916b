import type { ApprovalAnswer, ApprovalRequest } from '../../contracts/approval.js';
import { messageOf } from '../../errors/foreign.js';
import { withoutSecrets } from '../../errors/redact.js';
import { ApprovalRequiredError } from '../../errors/tool-errors.js';
import { canonicalJson } from '../../hashing/canonical-json.js';
import { sha256Hex } from '../../hashing/digest.js';
import type { PermitLoan } from './permit-loan.js';
import { readInput, type ToolRunnerOptions } from './run-tool.js';
import type { ApprovalDecision, ToolCallProgress, ToolProgress } from './tool-progress.js';

/** Length of an approval's id, in hex characters. */
const ID_CHARS = 24;

/**
 * Decides about the calls that have to be approved, before any of them runs: by `approvals`, else by `onApproval`.
 *
 * @throws {@link ApprovalRequiredError} with all calls that nothing decides about.
 */
export async function approveCalls(
  calls: readonly ToolCallProgress[],
  progress: ToolProgress,
  options: ToolRunnerOptions,
  signal: AbortSignal,
  permit: PermitLoan,
): Promise<void> {
  const undecided = calls.filter((call) => needsDecision(call, options));
  if (undecided.length === 0) return;
  const requests = new Map(undecided.map((call) => [call, requestFor(call, progress, options)]));
  const decide = () =>
    Promise.allSettled(
      Array.from(requests, ([call, request]) => call.decide(() => decisionOn(request, options, signal))),
    );
  // A person may take hours.
  const settled = await (options.host?.askApproval === undefined ? decide() : permit.without(decide));
  signal.throwIfAborted();
  const open = undecided.flatMap((call) =>
    call.decision === undefined ? (requests.get(call) as ApprovalRequest) : [],
  );
  if (open.length === 0) return;
  const failure = settled.find(({ status }) => status === 'rejected') as PromiseRejectedResult | undefined;
  throw new ApprovalRequiredError(options.agent, open, ...(failure === undefined ? [] : [failure.reason]));
}

function needsDecision(progress: ToolCallProgress, { tools }: ToolRunnerOptions): boolean {
  const { call, isStarted, answer, decision } = progress;
  const tool = tools.get(call.name);
  if (isStarted || answer !== undefined || decision !== undefined) return false;
  if (tool?.needsApproval === undefined || tool.needsApproval === false) return false;
  const input = readInput(tool, call);
  if ('problem' in input) return false;
  if (tool.needsApproval === true) return true;
  try {
    return tool.needsApproval(input.value) !== false;
  } catch (error) {
    progress.decision = { approved: false, reason: withoutSecrets(messageOf(error)) };
    return false;
  }
}

function requestFor(
  progress: ToolCallProgress,
  all: ToolProgress,
  { agent, ledger }: ToolRunnerOptions,
): ApprovalRequest {
  const { call, key } = progress;
  const input = canonicalJson(call.input);
  const sameBefore = all.callsBefore(progress).filter(({ call: other }) => {
    return other.name === call.name && canonicalJson(other.input) === input;
  });
  // Tasks of one run share its `approvals`: what approves a call of one must not approve that of another.
  const task = ledger?.record === undefined ? '' : ledger.id;
  const identity = canonicalJson([agent, call.name, input, sameBefore.length, task]);
  const id = sha256Hex(identity).slice(0, ID_CHARS);
  return { id, agent, tool: call.name, input: call.input, toolCallId: call.id, key };
}

/** The answer of `approvals`, else of `onApproval`; `undefined` if neither is there. */
async function decisionOn(
  request: ApprovalRequest,
  { host, ledger }: ToolRunnerOptions,
  signal: AbortSignal,
): Promise<ApprovalDecision | undefined> {
  const given = host?.approvals;
  const answer =
    given !== undefined && Object.hasOwn(given, request.id)
      ? given[request.id]
      : await host?.askApproval?.(request, signal);
  if (answer === undefined) return undefined;
  const decision = toDecision(answer);
  await ledger?.record?.({ type: 'approval', key: request.key, ...decision });
  return decision;
}

/** Anything but a clear yes is a no. */
function toDecision(answer: ApprovalAnswer): ApprovalDecision {
  if (typeof answer !== 'object' || answer === null) return { approved: answer === true };
  const { approved, reason } = answer;
  return { approved: approved === true, ...(typeof reason === 'string' ? { reason } : undefined) };
}

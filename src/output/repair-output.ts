import type { OutputSchema } from '../contracts/output-schema.js';
import type { RejectedReply } from '../contracts/provider.js';
import type { AgentReplyObject } from '../contracts/reply.js';
import { addUsage } from '../contracts/usage.js';
import { type ParsedOutput, parseReply } from './parse-output.js';

/** Asks the agent. `rejected` holds its earlier, invalid answers, for it to correct. */
export type Ask = (rejected: readonly RejectedReply[]) => Promise<AgentReplyObject>;

/** How invalid answers are repaired. */
export interface RepairOptions<T> {
  /** The schema that the answer must match. */
  readonly schema: OutputSchema<T>;
  /** How many times an invalid answer is sent back; 0 for never. */
  readonly repairs: number;
  /** The attempt's signal. No answer is sent back once it is aborted. */
  readonly signal: AbortSignal;
}

/** The last reply, with the usage, cost and steps of all replies, and its value or what is invalid about it. */
export interface TypedReply<T> {
  readonly reply: AgentReplyObject;
  readonly parsed: ParsedOutput<T>;
}

/**
 * Asks until the answer matches the schema or no repairs are left. It does not throw for an invalid answer, so that
 * its cost is still counted.
 */
export async function repairOutput<T>(ask: Ask, options: RepairOptions<T>): Promise<TypedReply<T>> {
  const { schema, repairs, signal } = options;
  let rejected: readonly RejectedReply[] = [];
  let total: AgentReplyObject | undefined;
  for (;;) {
    const reply = await ask(rejected);
    total = total === undefined ? reply : addReplies(total, reply);
    const parsed = parseReply(reply, schema);
    if (parsed.success || rejected.length >= repairs || !isRepairable(reply)) return { reply: total, parsed };
    signal.throwIfAborted();
    rejected = [...rejected, { output: reply.output, problem: parsed.message }];
  }
}

/** The message that asks a model to correct an invalid answer. */
export function repairMessage({ problem }: RejectedReply): string {
  return `Your answer cannot be used: ${problem}. Answer again with the corrected JSON and nothing else.`;
}

/** An answer that was cut off or refused would only be cut off or refused again. */
function isRepairable(reply: AgentReplyObject): boolean {
  return reply.finishReason === undefined || reply.finishReason === 'stop';
}

/** The later reply with the cost of both. If one cost is unknown, so is the sum. */
function addReplies(earlier: AgentReplyObject, later: AgentReplyObject): AgentReplyObject {
  const sum: AgentReplyObject = { ...later, usage: addUsage(earlier.usage ?? {}, later.usage ?? {}) };
  delete sum.costUsd;
  if (earlier.costUsd !== undefined && later.costUsd !== undefined)
    sum.costUsd = earlier.costUsd + later.costUsd;
  if (earlier.steps !== undefined) sum.steps = [...earlier.steps, ...(later.steps ?? [])];
  return sum;
}

import type { OutputSchema } from '../contracts/output-schema.js';
import type { RejectedReply } from '../contracts/provider.js';
import type { AgentReplyObject } from '../contracts/reply.js';
import { addUsage } from '../contracts/usage.js';
import { type ParsedOutput, parseReply } from './parse-output.js';

/** Asks the agent; `rejected` holds its earlier answers that did not fit, for it to mend. */
export type Ask = (rejected: readonly RejectedReply[]) => Promise<AgentReplyObject>;

/** How an answer is made to fit. */
export interface RepairOptions<T> {
  /** What the answer has to fit. */
  readonly schema: OutputSchema<T>;
  /** How often an answer that does not fit is sent back; 0 for never. */
  readonly repairs: number;
  /** The attempt's signal: no answer is sent back once it is aborted. */
  readonly signal: AbortSignal;
}

/** The last reply, with the usage, cost and steps of all, and its value or what is wrong with it. */
export interface TypedReply<T> {
  readonly reply: AgentReplyObject;
  readonly parsed: ParsedOutput<T>;
}

/**
 * Asks until the answer fits the schema or the repairs are used up. It never throws for an answer that does not
 * fit: what it cost is in `reply` all the same.
 */
export async function repairOutput<T>(ask: Ask, options: RepairOptions<T>): Promise<TypedReply<T>> {
  const { schema, repairs, signal } = options;
  let rejected: readonly RejectedReply[] = [];
  let total: AgentReplyObject | undefined;
  for (;;) {
    const reply = await ask(rejected);
    total = total === undefined ? reply : addReplies(total, reply);
    const parsed = parseReply(reply, schema);
    if (parsed.success || rejected.length >= repairs || !canBeMended(reply)) return { reply: total, parsed };
    signal.throwIfAborted();
    rejected = [...rejected, { output: reply.output, problem: parsed.message }];
  }
}

/** What a model is told about an answer that did not fit. */
export function repairMessage({ problem }: RejectedReply): string {
  return `Your answer cannot be used: ${problem}. Answer again with the corrected JSON and nothing else.`;
}

/** An answer that was cut off or refused would be cut off or refused again. */
function canBeMended(reply: AgentReplyObject): boolean {
  return reply.finishReason === undefined || reply.finishReason === 'stop';
}

/** The later reply, with what both cost. A sum of which one part is unknown is unknown. */
function addReplies(earlier: AgentReplyObject, later: AgentReplyObject): AgentReplyObject {
  const sum: AgentReplyObject = { ...later, usage: addUsage(earlier.usage ?? {}, later.usage ?? {}) };
  delete sum.costUsd;
  if (earlier.costUsd !== undefined && later.costUsd !== undefined)
    sum.costUsd = earlier.costUsd + later.costUsd;
  if (earlier.steps !== undefined) sum.steps = [...earlier.steps, ...(later.steps ?? [])];
  return sum;
}

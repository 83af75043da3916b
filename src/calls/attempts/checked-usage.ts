import type { AgentReply } from '../../contracts/reply.js';
import type { Usage } from '../../contracts/usage.js';
import { describeValue } from '../../input/describe-value.js';
import type { Call } from '../call.js';
import type { RegisteredAgent } from '../registered-agent.js';

const COUNTS = ['inputTokens', 'outputTokens', 'cacheReadTokens', 'cacheWriteTokens', 'totalTokens'] as const;

/** Agents that were warned of already. */
const warned = new WeakSet<object>();

/**
 * The reply without a `usage` or `costUsd` that is none: a sum with NaN or a text in it would be wrong for ever. What
 * is left out counts as unknown, so budgets charge what they had reserved. Warns once an agent.
 */
export function checkedReply(reply: AgentReply, call: Call, target: RegisteredAgent): AgentReply {
  // What is no reply at all is found out later.
  if (typeof reply !== 'object' || reply === null) return reply;
  const { usage, costUsd } = reply;
  const isCost = costUsd === undefined || isAmount(costUsd);
  if (isCost && isUsage(usage)) return reply;
  warnOnce(call, target, isCost ? `usage ${describeValue(usage)}` : `costUsd ${describeValue(costUsd)}`);
  return { ...reply, usage: checkedUsage(usage), costUsd: isCost ? costUsd : undefined };
}

/** The usage if each of its counts is a number from 0 on, else nothing. */
export function checkedUsage(usage: Partial<Usage> | undefined): Partial<Usage> | undefined {
  return isUsage(usage) ? usage : undefined;
}

function isUsage(usage: unknown): boolean {
  if (usage === undefined) return true;
  if (typeof usage !== 'object' || usage === null) return false;
  const counts = usage as Readonly<Record<string, unknown>>;
  for (const name of COUNTS) {
    const count = counts[name];
    if (count !== undefined && !isAmount(count)) return false;
  }
  return true;
}

function isAmount(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && value < Number.POSITIVE_INFINITY;
}

function warnOnce({ services }: Call, { definition }: RegisteredAgent, what: string): void {
  if (warned.has(definition)) return;
  warned.add(definition);
  services.logger.warn(
    { agent: definition.name },
    `the agent reported ${what}; expected numbers from 0 on. It counts as unknown`,
  );
}

import type { AgentReply } from '../../contracts/reply.js';
import { isAmount, isUsage, validUsage } from '../../contracts/usage.js';
import { describeValue } from '../../input/describe-value.js';
import type { Call } from '../call.js';
import type { RegisteredAgent } from '../registered-agent.js';

/** Agents that were warned of already. */
const warned = new WeakSet<object>();

/**
 * The reply without a `usage` or `costUsd` that is none: a sum with NaN or a text in it would stay wrong. What
 * is left out counts as unknown, so budgets charge what they had reserved. Warns once an agent.
 */
export function checkedReply(reply: AgentReply, call: Call, target: RegisteredAgent): AgentReply {
  // What is no reply at all is found out later.
  if (typeof reply !== 'object' || reply === null) return reply;
  const { usage, costUsd } = reply;
  const isCost = costUsd === undefined || isAmount(costUsd);
  if (isCost && isUsage(usage)) return reply;
  warnOnce(call, target, isCost ? `usage ${describeValue(usage)}` : `costUsd ${describeValue(costUsd)}`);
  return { ...reply, usage: validUsage(usage), costUsd: isCost ? costUsd : undefined };
}

function warnOnce({ services }: Call, { definition }: RegisteredAgent, what: string): void {
  if (warned.has(definition)) return;
  warned.add(definition);
  services.logger.warn(
    { agent: definition.name },
    `the agent reported ${what}; expected numbers from 0 on. It counts as unknown`,
  );
}

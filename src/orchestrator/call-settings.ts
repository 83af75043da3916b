import type { AgentDefinition, PhaseTimeouts } from '../contracts/agent.js';
import type { CallOptions } from '../contracts/call.js';
import type { CallSettings } from './options.js';

/** An agent's settings over those of its orchestrator. */
export function agentSettings(orchestrator: CallSettings, definition: AgentDefinition): CallSettings {
  return {
    timeoutMs: definition.timeoutMs ?? orchestrator.timeoutMs,
    timeouts: overlay(orchestrator.timeouts, definition.timeouts),
    deadlineMs: definition.deadlineMs ?? orchestrator.deadlineMs,
    maxRetries: definition.maxRetries ?? orchestrator.maxRetries,
  };
}

/** A call's settings over its agent's; the agent's own object where the call says nothing. */
export function callSettings(agent: CallSettings, options: CallOptions | undefined): CallSettings {
  if (options === undefined) return agent;
  const { timeoutMs, timeouts, deadlineMs, maxRetries } = options;
  if ((timeoutMs ?? timeouts ?? deadlineMs ?? maxRetries) === undefined) return agent;
  return {
    timeoutMs: timeoutMs ?? agent.timeoutMs,
    timeouts: overlay(agent.timeouts, timeouts),
    deadlineMs: deadlineMs ?? agent.deadlineMs,
    maxRetries: maxRetries ?? agent.maxRetries,
  };
}

function overlay(
  under: PhaseTimeouts | undefined,
  over: PhaseTimeouts | undefined,
): PhaseTimeouts | undefined {
  return under === undefined || over === undefined ? (over ?? under) : { ...under, ...over };
}

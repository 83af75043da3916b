import type { AgentDefinition, PhaseTimeouts } from '../contracts/agent.js';
import type { CallOptions } from '../contracts/call.js';
import type { Hooks } from '../contracts/hooks.js';
import type {
  BudgetSettings,
  LaneLimits,
  ResolvedBreakerSettings,
  ResolvedFairnessSettings,
  ResolvedHedgeSettings,
  TenantSettings,
} from '../contracts/traffic.js';
import type { Backoff } from '../resilience/retry/backoff.js';

/** What one call runs under, once call, agent and orchestrator have been laid over one another. */
export interface CallSettings {
  readonly timeoutMs: number;
  readonly timeouts: PhaseTimeouts | undefined;
  readonly deadlineMs: number | undefined;
  readonly maxRetries: number;
}

/** What all calls of one orchestrator run under: its options with every default filled in. */
export interface OrchestratorSettings extends Omit<CallSettings, 'timeouts' | 'deadlineMs'> {
  readonly timeouts?: PhaseTimeouts | undefined;
  readonly deadlineMs?: number | undefined;
  readonly retry: Backoff & { readonly maxWaitMs: number };
  readonly limits?: LaneLimits | undefined;
  readonly breaker?: ResolvedBreakerSettings | undefined;
  readonly hedge?: ResolvedHedgeSettings | undefined;
  readonly budget?: BudgetSettings | undefined;
  readonly tenants?: TenantSettings | undefined;
  readonly tenantBudget?: BudgetSettings | undefined;
  readonly fairness?: ResolvedFairnessSettings | undefined;
  readonly tenant?: string | undefined;
  readonly hooks?: Hooks | readonly Hooks[] | undefined;
  readonly maxQueued: number;
  readonly maxTaskChars: number;
  readonly maxFileBytes: number;
  readonly abandonMs: number;
  readonly signal?: AbortSignal | undefined;
}

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

import type { AgentDefinition } from '../contracts/agent.js';
import type { BudgetSettings, ResolvedHedgeSettings } from '../contracts/traffic.js';
import { Budget } from '../resilience/budget/budget.js';
import { HedgePolicy } from '../resilience/hedge/hedge-policy.js';
import type { Lane } from '../resilience/lane/lane.js';
import { Lanes, laneName } from '../resilience/lane/lanes.js';
import type { Clock } from '../time/clock.js';
import type { Call } from './call.js';
import type { CallTraffic, TrafficStats } from './call-services.js';
import type { OrchestratorSettings } from './call-settings.js';
import type { RegisteredAgent } from './registered-agent.js';

/** Told what happens to lanes. */
export interface TrafficObserver {
  breakerChanged(lane: string, state: 'closed' | 'open' | 'half-open'): void;
  lanePaused(lane: string, pausedForMs: number): void;
}

/** The lanes and budgets of one orchestrator, and who has to go through which. */
export class TrafficControl implements CallTraffic {
  readonly #options: OrchestratorSettings;
  readonly #lanes: Lanes;
  readonly #hedges = new Map<Lane, Map<ResolvedHedgeSettings, HedgePolicy>>();
  readonly #processBudget: Budget | undefined;
  readonly #agentBudgets = new Map<string, Budget>();
  readonly #tenantBudgets = new Map<string, Budget>();

  constructor(options: OrchestratorSettings, clock: Clock, observer: TrafficObserver) {
    this.#options = options;
    const { limits, breaker, fairness, budget } = options;
    this.#lanes = new Lanes((name) => ({
      clock,
      limits,
      breaker,
      fairness,
      onBreakerChange: ({ state }) => observer.breakerChanged(name, state),
      onPause: (pausedForMs) => observer.lanePaused(name, pausedForMs),
    }));
    this.#processBudget = budget && new Budget('process', '', budget);
  }

  /** Whether calls of the agent have anything to do with traffic control: else they take the plain path. */
  appliesTo(definition: AgentDefinition): boolean {
    const { budget, tenantBudget } = this.#options;
    return (
      this.#usesLane(definition) ||
      (budget ?? tenantBudget ?? definition.budget) !== undefined ||
      (definition.fallbacks?.length ?? 0) > 0
    );
  }

  /** The lane that leads to the target; none for a function, unless limits, breaker or hedge are set. */
  laneOf(call: Call, target: RegisteredAgent): Lane | undefined {
    const { definition } = target;
    if (!this.#usesLane(definition)) return undefined;
    const { provider, name } = definition;
    if (provider === undefined) return this.#lanes.get(laneName('function', name));
    return this.#lanes.get(laneName(provider.name, call.modelOf(target)));
  }

  /** Whether and when a second attempt may run beside a slow one. */
  hedgeOf(lane: Lane, definition: AgentDefinition): HedgePolicy | undefined {
    // The registry has filled in the defaults of a definition.
    const own = definition.hedge as ResolvedHedgeSettings | undefined;
    const settings = own ?? this.#options.hedge;
    if (settings === undefined) return undefined;
    // Agents that share a lane may have settings of their own.
    const ofLane = this.#hedges.get(lane) ?? new Map<ResolvedHedgeSettings, HedgePolicy>();
    const policy = ofLane.get(settings) ?? new HedgePolicy(settings, lane.latencies);
    this.#hedges.set(lane, ofLane.set(settings, policy));
    return policy;
  }

  /** Every budget that the call belongs to, the narrowest first. */
  budgetsOf(call: Call, target: RegisteredAgent): Budget[] {
    const { definition } = target;
    const budgets = [
      call.runBudget,
      definition.budget && named(this.#agentBudgets, definition.name, 'agent', definition.budget),
      this.#tenantBudgetOf(call.tenant),
      this.#processBudget,
    ];
    return budgets.filter((budget) => budget !== undefined);
  }

  /** Calls that wait for their lanes. */
  waiting(): number {
    return this.#lanes.waiting;
  }

  /** How things stand. */
  stats(): TrafficStats {
    return { lanes: this.#lanes.stats(), budget: this.#processBudget?.stats() };
  }

  #tenantBudgetOf(tenant: string | undefined): Budget | undefined {
    const { tenantBudget } = this.#options;
    if (tenantBudget === undefined || tenant === undefined) return undefined;
    return named(this.#tenantBudgets, tenant, 'tenant', tenantBudget);
  }

  #usesLane({ provider, hedge }: AgentDefinition): boolean {
    const { limits, breaker } = this.#options;
    return provider !== undefined || (limits ?? breaker ?? hedge ?? this.#options.hedge) !== undefined;
  }
}

function named(
  budgets: Map<string, Budget>,
  owner: string,
  scope: 'agent' | 'tenant',
  settings: BudgetSettings,
): Budget {
  let budget = budgets.get(owner);
  if (budget === undefined) {
    budget = new Budget(scope, owner, settings);
    budgets.set(owner, budget);
  }
  return budget;
}

import type { AgentDefinition } from '../contracts/agent.js';
import type { RunWaiting } from '../contracts/call.js';
import type { BudgetSettings, LaneLimits, ResolvedHedgeSettings } from '../contracts/traffic.js';
import { Budget } from '../resilience/budget/budget.js';
import { OwnerBudgets } from '../resilience/budget/owner-budgets.js';
import { HedgePolicy } from '../resilience/hedge/hedge-policy.js';
import type { Lane } from '../resilience/lane/lane.js';
import { FUNCTION_LANE } from '../resilience/lane/lane-name.js';
import type { LaneStats, LaneWait } from '../resilience/lane/lane-options.js';
import { Lanes } from '../resilience/lane/lanes.js';
import type { Clock } from '../time/clock.js';
import type { Call } from './call.js';
import type { TrafficStats } from './call-services.js';
import type { OrchestratorSettings } from './call-settings.js';
import type { RegisteredAgent } from './registered-agent.js';

/** Notified of what happens to lanes. */
export interface TrafficObserver {
  breakerChanged(lane: string, state: 'closed' | 'open' | 'half-open'): void;
  lanePaused(lane: string, pausedForMs: number): void;
  /** Calls have begun to wait for more than a few seconds. */
  waitsLong(lane: string, wait: LaneWait): void;
}

/** What the lanes of tenants are called in errors and events, before the tenant's name. */
const TENANT_LANE = 'tenant/';

/** The lanes, hedges and budgets of one orchestrator. */
export class LanesAndBudgets {
  readonly #options: OrchestratorSettings;
  readonly #clock: Clock;
  readonly #observer: TrafficObserver;
  readonly #lanes: Lanes;
  /** What each tenant uses of its limits. These lanes only count: whatever fails concerns other lanes. */
  readonly #tenantLanes: Lanes | undefined;
  /** Of lanes and settings that are still in use. */
  readonly #hedges = new WeakMap<Lane, WeakMap<ResolvedHedgeSettings, HedgePolicy>>();
  readonly #processBudget: Budget | undefined;
  readonly #agentBudgets = new OwnerBudgets('agent');
  readonly #tenantBudget: BudgetSettings | undefined;
  readonly #tenantBudgets = new OwnerBudgets('tenant');

  /** @param maxConcurrent How many attempts may run at once now, over all lanes. */
  constructor(
    options: OrchestratorSettings,
    clock: Clock,
    maxConcurrent: () => number,
    observer: TrafficObserver,
  ) {
    this.#options = options;
    this.#clock = clock;
    this.#observer = observer;
    this.#lanes = this.#openLanes(maxConcurrent);
    const { budget, tenants, tenantBudget } = options;
    this.#tenantLanes = tenants?.limits && this.#openTenantLanes(tenants.limits);
    this.#processBudget = budget && new Budget('process', '', budget);
    this.#tenantBudget = tenants?.budget ?? tenantBudget;
  }

  /** The lane of that name, opened if it is new. */
  lane(name: string): Lane {
    return this.#lanes.get(name);
  }

  /** The lane that holds the tenant's limits, where there are any. */
  tenantLane(tenant: string): Lane | undefined {
    return this.#tenantLanes?.get(TENANT_LANE + tenant);
  }

  /** Whether and when a second attempt may run beside a slow one. */
  hedgeOf(lane: Lane, definition: AgentDefinition): HedgePolicy | undefined {
    // The registry has filled in the defaults of a definition.
    const own = definition.hedge as ResolvedHedgeSettings | undefined;
    const settings = own ?? this.#options.hedge;
    if (settings === undefined) return undefined;
    // Agents that share a lane may have settings of their own.
    const ofLane = this.#hedges.get(lane) ?? new WeakMap<ResolvedHedgeSettings, HedgePolicy>();
    const policy = ofLane.get(settings) ?? new HedgePolicy(settings, lane.latencies);
    this.#hedges.set(lane, ofLane.set(settings, policy));
    return policy;
  }

  /** The budgets in use of everything together, of agents and of tenants. */
  *budgets(): Generator<Budget, void, undefined> {
    if (this.#processBudget !== undefined) yield this.#processBudget;
    yield* this.#agentBudgets.inUse();
    yield* this.#tenantBudgets.inUse();
  }

  /** Every budget that the call belongs to, the narrowest first. */
  budgetsOf(call: Call, { definition }: RegisteredAgent): Budget[] {
    const { runBudget, tenant } = call;
    const budgets = [
      runBudget,
      definition.budget && this.#agentBudgets.get(definition.name, definition.budget),
      tenant === undefined
        ? undefined
        : this.#tenantBudget && this.#tenantBudgets.get(tenant, this.#tenantBudget),
      this.#processBudget,
    ];
    return budgets.filter((budget) => budget !== undefined);
  }

  /** More attempts may run at once than before. */
  wake(): void {
    this.#lanes.wake();
    this.#tenantLanes?.wake();
  }

  /** Calls that wait for their lanes. */
  get waiting(): number {
    return this.#lanes.waiting + (this.#tenantLanes?.waiting ?? 0);
  }

  /** Of those that wait: retries. */
  get backingOff(): number {
    return this.#lanes.retries + (this.#tenantLanes?.retries ?? 0);
  }

  /** What the calls of the lane in which most of them wait are waiting for; `undefined` if none waits. */
  longestQueue(): RunWaiting | undefined {
    const [provider, tenant] = [this.#lanes.busiest, this.#tenantLanes?.busiest];
    const lane = (tenant?.waiting ?? 0) > (provider?.waiting ?? 0) ? tenant : provider;
    const waitingFor = lane?.waitingFor;
    return lane === undefined || waitingFor === undefined
      ? undefined
      : { count: lane.waiting, ...waitingFor };
  }

  /** How things stand. */
  stats(): TrafficStats {
    const byLane = Object.entries(this.#tenantLanes?.stats() ?? {});
    const tenants: Record<string, LaneStats> = Object.fromEntries(
      byLane.map(([name, stats]) => [name.slice(TENANT_LANE.length), stats]),
    );
    return { lanes: this.#lanes.stats(), tenants, budget: this.#processBudget?.stats() };
  }

  #openLanes(maxConcurrent: () => number): Lanes {
    const { limits, breaker, fairness, retry } = this.#options;
    const [clock, observer] = [this.#clock, this.#observer];
    return new Lanes(clock, (name) => ({
      clock,
      limits,
      breaker,
      fairness,
      maxConcurrent,
      maxProbeDelayMs: retry.maxDelayMs,
      // One option turns on one thing: a breaker or a hedge alone does not pace the calls of a function.
      isShaped: limits !== undefined || !name.startsWith(`${FUNCTION_LANE}/`),
      onLongWait: (wait) => observer.waitsLong(name, wait),
      onBreakerChange: ({ state }) => observer.breakerChanged(name, state),
      onPause: (pausedForMs) => observer.lanePaused(name, pausedForMs),
    }));
  }

  #openTenantLanes(limits: LaneLimits): Lanes {
    const [clock, observer] = [this.#clock, this.#observer];
    return new Lanes(clock, (name) => ({
      clock,
      limits,
      isShaped: false,
      onLongWait: (wait) => observer.waitsLong(name, wait),
    }));
  }
}

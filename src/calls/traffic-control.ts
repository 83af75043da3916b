import type { AgentDefinition } from '../contracts/agent.js';
import type { RunWaiting } from '../contracts/call.js';
import type { BudgetSettings, LaneLimits, ResolvedHedgeSettings } from '../contracts/traffic.js';
import { LazyModule } from '../lifecycle/lazy-module.js';
import { Budget } from '../resilience/budget/budget.js';
import { OwnerBudgets } from '../resilience/budget/owner-budgets.js';
import { HedgePolicy } from '../resilience/hedge/hedge-policy.js';
import type { Lane } from '../resilience/lane/lane.js';
import { laneName } from '../resilience/lane/lane-name.js';
import type { LaneStats, LaneWait } from '../resilience/lane/lane-options.js';
import type { Lanes } from '../resilience/lane/lanes.js';
import { type RetryOutlook, RetryProgress } from '../resilience/retry/retry-outlook.js';
import type { Clock } from '../time/clock.js';
import type { Call } from './call.js';
import type { CallTraffic, TrafficStats } from './call-services.js';
import type { OrchestratorSettings } from './call-settings.js';
import type { RegisteredAgent } from './registered-agent.js';

/** Lanes with all that they hold: rate limits, breakers, cool-off. Most function agents need none of it. */
export const laneCode = new LazyModule(() => import('../resilience/lane/lanes.js'));

/** Told what happens to lanes. */
export interface TrafficObserver {
  breakerChanged(lane: string, state: 'closed' | 'open' | 'half-open'): void;
  lanePaused(lane: string, pausedForMs: number): void;
  /** Calls have begun to wait for more than a few seconds. */
  waitsLong(lane: string, wait: LaneWait): void;
}

const FUNCTION_LANE = 'function';

/** What the lanes of tenants are called in errors and events, before the tenant's name. */
const TENANT_LANE = 'tenant/';

/** The lanes and budgets of one orchestrator, and who has to go through which. */
export class TrafficControl implements CallTraffic {
  readonly #options: OrchestratorSettings;
  readonly #clock: Clock;
  readonly #maxConcurrent: () => number;
  readonly #observer: TrafficObserver;
  #lanes: Lanes | undefined = undefined;
  /** What each tenant uses of its limits. These lanes only count: whatever fails concerns other lanes. */
  #tenantLanes: Lanes | undefined = undefined;
  /** Of lanes and settings that are still in use. */
  readonly #hedges = new WeakMap<Lane, WeakMap<ResolvedHedgeSettings, HedgePolicy>>();
  readonly #firstOutlooks = new Map<number, RetryOutlook>();
  readonly #processBudget: Budget | undefined;
  readonly #agentBudgets = new OwnerBudgets('agent');
  readonly #tenantBudget: BudgetSettings | undefined;
  readonly #tenantBudgets = new OwnerBudgets('tenant');
  waitingForBudget = 0;

  /** @param maxConcurrent How many attempts may run at once now, over all lanes. */
  constructor(
    options: OrchestratorSettings,
    clock: Clock,
    maxConcurrent: () => number,
    observer: TrafficObserver,
  ) {
    this.#options = options;
    this.#clock = clock;
    this.#maxConcurrent = maxConcurrent;
    this.#observer = observer;
    this.#processBudget = options.budget && new Budget('process', '', options.budget);
    this.#tenantBudget = options.tenants?.budget ?? options.tenantBudget;
  }

  /** Whether calls of the agent have anything to do with traffic control: else they take the plain path. */
  appliesTo(definition: AgentDefinition, lane?: string): boolean {
    const { budget, tenants } = this.#options;
    return (
      this.#usesLane(definition, lane) ||
      (tenants?.limits ?? budget ?? this.#tenantBudget ?? definition.budget) !== undefined ||
      (definition.fallbacks?.length ?? 0) > 0
    );
  }

  /** Whether calls of the agent, or of those that may answer in its place, may need {@link laneCode}. */
  mayUseLanes(definition: AgentDefinition, lane?: string): boolean {
    const { tenants } = this.#options;
    return (
      this.#usesLane(definition, lane) ||
      tenants?.limits !== undefined ||
      (definition.fallbacks?.length ?? 0) > 0
    );
  }

  /** The lane that leads to the target; none for a function, unless limits, breaker or hedge are set. */
  laneOf(call: Call, target: RegisteredAgent): Lane | undefined {
    const name = this.laneNameOf(call, target);
    return name === undefined ? undefined : this.#openLanes().get(name);
  }

  laneNameOf(call: Call, target: RegisteredAgent): string | undefined {
    const { definition, lane } = target;
    if (lane !== undefined || !this.#usesLane(definition, lane)) return lane;
    const { provider, name } = definition;
    if (provider === undefined) return laneName(FUNCTION_LANE, name);
    return laneName(provider.name, call.modelOf(target));
  }

  /** The lane that holds the limits of the call's tenant, where there are any. */
  tenantLaneOf({ tenant }: Call): Lane | undefined {
    const limits = this.#options.tenants?.limits;
    if (limits === undefined || tenant === undefined) return undefined;
    this.#tenantLanes ??= this.#openTenantLanes(limits);
    return this.#tenantLanes.get(TENANT_LANE + tenant);
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

  /** Every budget that the call belongs to, the narrowest first. */
  budgetsOf(call: Call, target: RegisteredAgent): Budget[] {
    const { definition } = target;
    const budgets = [
      call.runBudget,
      definition.budget && this.#agentBudgets.get(definition.name, definition.budget),
      this.#tenantBudgetOf(call.tenant),
      this.#processBudget,
    ];
    return budgets.filter((budget) => budget !== undefined);
  }

  firstOutlook(maxRetries: number): RetryOutlook {
    let outlook = this.#firstOutlooks.get(maxRetries);
    if (outlook === undefined) {
      outlook = new RetryProgress(maxRetries, this.#options.retry);
      this.#firstOutlooks.set(maxRetries, outlook);
    }
    return outlook;
  }

  wake(): void {
    this.#lanes?.wake();
    this.#tenantLanes?.wake();
  }

  waiting(): number {
    return (this.#lanes?.waiting ?? 0) + (this.#tenantLanes?.waiting ?? 0) + this.waitingForBudget;
  }

  longestQueue(): RunWaiting | undefined {
    const [provider, tenant] = [this.#lanes?.busiest, this.#tenantLanes?.busiest];
    const lane = (tenant?.waiting ?? 0) > (provider?.waiting ?? 0) ? tenant : provider;
    const waitingFor = lane?.waitingFor;
    const count = this.waitingForBudget;
    if (lane === undefined || waitingFor === undefined || lane.waiting < count)
      return count === 0 ? undefined : { count, reason: 'budget', untilMs: undefined };
    return { count: lane.waiting, ...waitingFor };
  }

  backingOff(): number {
    return (this.#lanes?.retries ?? 0) + (this.#tenantLanes?.retries ?? 0);
  }

  /** How things stand. */
  stats(): TrafficStats {
    const budget = this.#processBudget?.stats();
    return { lanes: this.#lanes?.stats() ?? {}, tenants: this.#tenantStats(), budget };
  }

  /** Made when a call needs the first one. */
  #openLanes(): Lanes {
    if (this.#lanes !== undefined) return this.#lanes;
    const { Lanes } = loadedLaneCode();
    const { limits, breaker, fairness, retry } = this.#options;
    const [clock, observer] = [this.#clock, this.#observer];
    this.#lanes = new Lanes(clock, (name) => ({
      clock,
      limits,
      breaker,
      fairness,
      maxConcurrent: this.#maxConcurrent,
      maxProbeDelayMs: retry.maxDelayMs,
      // One option turns on one thing: a breaker or a hedge alone does not pace the calls of a function.
      isShaped: limits !== undefined || !name.startsWith(`${FUNCTION_LANE}/`),
      onLongWait: (wait) => observer.waitsLong(name, wait),
      onBreakerChange: ({ state }) => observer.breakerChanged(name, state),
      onPause: (pausedForMs) => observer.lanePaused(name, pausedForMs),
    }));
    return this.#lanes;
  }

  #openTenantLanes(limits: LaneLimits): Lanes {
    const { Lanes } = loadedLaneCode();
    const [clock, observer] = [this.#clock, this.#observer];
    return new Lanes(clock, (name) => ({
      clock,
      limits,
      isShaped: false,
      onLongWait: (wait) => observer.waitsLong(name, wait),
    }));
  }

  #tenantStats(): Record<string, LaneStats> {
    const byLane = Object.entries(this.#tenantLanes?.stats() ?? {});
    return Object.fromEntries(byLane.map(([name, stats]) => [name.slice(TENANT_LANE.length), stats]));
  }

  #tenantBudgetOf(tenant: string | undefined): Budget | undefined {
    if (this.#tenantBudget === undefined || tenant === undefined) return undefined;
    return this.#tenantBudgets.get(tenant, this.#tenantBudget);
  }

  #usesLane({ provider, hedge }: AgentDefinition, lane: string | undefined): boolean {
    const { limits, breaker } = this.#options;
    return (
      lane !== undefined ||
      provider !== undefined ||
      (limits ?? breaker ?? hedge ?? this.#options.hedge) !== undefined
    );
  }
}

function loadedLaneCode(): typeof import('../resilience/lane/lanes.js') {
  if (laneCode.loaded === undefined)
    throw new Error('A lane was asked for before the code of lanes was loaded.');
  return laneCode.loaded;
}

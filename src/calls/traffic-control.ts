import type { AgentDefinition } from '../contracts/agent.js';
import type { RunWaiting } from '../contracts/call.js';
import { LazyModule } from '../lifecycle/lazy-module.js';
import type { Budget, BudgetStats } from '../resilience/budget/budget.js';
import type { HedgePolicy } from '../resilience/hedge/hedge-policy.js';
import type { Lane } from '../resilience/lane/lane.js';
import { FUNCTION_LANE, laneName } from '../resilience/lane/lane-name.js';
import type { Clock } from '../time/clock.js';
import type { Call } from './call.js';
import type { CallTraffic, TrafficStats } from './call-services.js';
import type { OrchestratorSettings } from './call-settings.js';
import type { LanesAndBudgets, TrafficObserver } from './lanes-and-budgets.js';
import type { RegisteredAgent } from './registered-agent.js';

/** Lanes with all that they hold, hedges and budgets. Most function agents need none of it. */
export const trafficCode = new LazyModule(() => import('./lanes-and-budgets.js'));

/** Says which calls have to go through what, and opens the lanes and budgets of one orchestrator for the first of them. */
export class TrafficControl implements CallTraffic {
  readonly #options: OrchestratorSettings;
  readonly #open: () => LanesAndBudgets;
  #opened: LanesAndBudgets | undefined = undefined;
  waitingForBudget = 0;

  /** @param maxConcurrent How many attempts may run at once now, over all lanes. */
  constructor(
    options: OrchestratorSettings,
    clock: Clock,
    maxConcurrent: () => number,
    observer: TrafficObserver,
  ) {
    this.#options = options;
    this.#open = () => {
      if (trafficCode.loaded === undefined) throw new Error('Traffic control is used before it was loaded.');
      const { LanesAndBudgets } = trafficCode.loaded;
      this.#opened = new LanesAndBudgets(options, clock, maxConcurrent, observer);
      return this.#opened;
    };
  }

  /** Whether calls of the agent have anything to do with traffic control: else they take the plain path. */
  appliesTo(definition: AgentDefinition, lane?: string): boolean {
    const { budget, tenants, tenantBudget } = this.#options;
    return (
      this.#usesLane(definition, lane) ||
      (tenants?.limits ?? tenants?.budget ?? tenantBudget ?? budget ?? definition.budget) !== undefined ||
      (definition.fallbacks?.length ?? 0) > 0
    );
  }

  /** The lane that leads to the target; none for a function, unless limits, breaker or hedge are set. */
  laneOf(call: Call, target: RegisteredAgent): Lane | undefined {
    const name = this.laneNameOf(call, target);
    return name === undefined ? undefined : (this.#opened ?? this.#open()).lane(name);
  }

  laneNameOf(call: Call, target: RegisteredAgent): string | undefined {
    const { definition, lane } = target;
    if (lane !== undefined || !this.#usesLane(definition, lane)) return lane;
    const { provider, name } = definition;
    if (provider === undefined) return laneName(FUNCTION_LANE, name);
    return laneName(provider.name, call.modelOf(target));
  }

  tenantLaneOf({ tenant }: Call): Lane | undefined {
    if (this.#options.tenants?.limits === undefined || tenant === undefined) return undefined;
    return (this.#opened ?? this.#open()).tenantLane(tenant);
  }

  hedgeOf(lane: Lane, definition: AgentDefinition): HedgePolicy | undefined {
    return this.#opened?.hedgeOf(lane, definition);
  }

  budgetsOf(call: Call, target: RegisteredAgent): Budget[] {
    const { runBudget } = call;
    if (target.hasTrafficControl) return (this.#opened ?? this.#open()).budgetsOf(call, target);
    return runBudget === undefined ? [] : [runBudget];
  }

  wake(): void {
    this.#opened?.wake();
  }

  waiting(): number {
    return (this.#opened?.waiting ?? 0) + this.waitingForBudget;
  }

  longestQueue(): RunWaiting | undefined {
    const queue = this.#opened?.longestQueue();
    const count = this.waitingForBudget;
    if (queue !== undefined && queue.count >= count) return queue;
    return count === 0 ? undefined : { count, reason: 'budget', untilMs: undefined };
  }

  backingOff(): number {
    return this.#opened?.backingOff ?? 0;
  }

  /** How things stand. */
  stats(): TrafficStats {
    return this.#opened?.stats() ?? { lanes: {}, tenants: {}, budget: this.#untouchedBudget() };
  }

  #untouchedBudget(): BudgetStats | undefined {
    const { budget } = this.#options;
    if (budget === undefined) return undefined;
    const { usd: leftUsd, tokens: leftTokens } = budget;
    return { spentUsd: 0, spentTokens: 0, reservedUsd: 0, reservedTokens: 0, leftUsd, leftTokens };
  }

  budgets(): Iterable<Budget> {
    return this.#opened?.budgets() ?? [];
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

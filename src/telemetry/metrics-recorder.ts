import type { CallServices } from '../calls/call-services.js';
import type { TuttiEvents } from '../contracts/events.js';
import { CallFigures } from './call-figures.js';
import { Histogram } from './histogram.js';
import { LabelledFigures } from './labels.js';
import type { ToolSnapshot } from './snapshot.js';

/** What the calls of a tool have done, as it adds up. */
class ToolFigures {
  calls = 0;
  failed = 0;
  readonly durationMs = new Histogram();

  snapshot(): ToolSnapshot {
    const { calls, failed, durationMs } = this;
    return { calls, failed, durationMs: durationMs.distribution() };
  }
}

/** What calls are grouped by. */
export type GroupKind = 'agent' | 'model' | 'tenant';

/** What one group of calls did in one step. */
export interface GroupStep {
  readonly kind: GroupKind;
  readonly label: string;
  readonly figures: CallFigures;
}

/** Adds up what the events of an orchestrator say. What `stats()` counts already is read there. */
export class MetricsRecorder {
  readonly all = new CallFigures();
  readonly queuedMs = new Histogram();
  readonly firstTokenMs = new Histogram();
  readonly cachedLatencyMs = new Histogram();
  readonly computedLatencyMs = new Histogram();
  readonly byAgent: LabelledFigures<CallFigures>;
  readonly byModel: LabelledFigures<CallFigures>;
  readonly byTenant: LabelledFigures<CallFigures>;
  readonly tools: LabelledFigures<ToolFigures>;
  /** How often calls began to wait, by what for. */
  readonly waits = new Map<string, number>();
  /** How often breakers have opened, by lane. */
  readonly opened: LabelledFigures<{ times: number }>;
  readonly #stops: Array<() => void>;

  /** @param keepsSteps Whether what agents, models and tenants do is kept by steps as well. */
  constructor({ events, byAgent }: CallServices, maxLabelValues: number, keepsSteps: boolean) {
    const newFigures = (): CallFigures => {
      const figures = new CallFigures();
      if (keepsSteps) figures.takeStep();
      return figures;
    };
    this.all.takeStep();
    this.byAgent = new LabelledFigures(maxLabelValues, newFigures);
    this.byModel = new LabelledFigures(maxLabelValues, newFigures);
    this.byTenant = new LabelledFigures(maxLabelValues, newFigures);
    this.tools = new LabelledFigures(maxLabelValues, () => new ToolFigures());
    this.opened = new LabelledFigures(maxLabelValues, () => ({ times: 0 }));
    this.#countEarlier(byAgent.snapshot());
    this.#stops = [
      events.on('call:end', (event) => this.#callEnded(event)),
      events.on('call:unclaimed', (event) => this.#unclaimed(event)),
      events.on('attempt:start', (event) => this.#attemptStarted(event)),
      events.on('tool:end', (event) => this.#toolEnded(event)),
      events.on('call:wait', ({ reason }) => this.#waited(reason)),
      events.on('breaker:open', ({ lane }) => {
        this.opened.of(lane).times += 1;
      }),
    ];
  }

  /** What every group of calls did in the step that ends now, where steps are kept. */
  *takeSteps(): Generator<GroupStep, void, undefined> {
    for (const kind of ['agent', 'model', 'tenant'] as const) {
      for (const [label, figures] of this.#groups(kind).entries()) {
        if (figures.step?.isEmpty === false)
          yield { kind, label, figures: figures.takeStep() as CallFigures };
      }
    }
  }

  /** Listens no longer; what it has counted stays. */
  stop(): void {
    for (const stop of this.#stops.splice(0)) stop();
  }

  /** What agents had done before anything listened: their counts are known, their latencies are not. */
  #countEarlier(earlier: ReturnType<CallServices['byAgent']['snapshot']>): void {
    for (const [agent, stats] of Object.entries(earlier)) {
      for (const figures of [this.byAgent.of(agent), this.all]) {
        figures.succeeded += stats.succeeded;
        figures.failed += stats.failed;
        figures.cancelled += stats.cancelled;
        figures.settled += stats.succeeded + stats.failed + stats.cancelled;
        figures.cached += stats.cached;
        figures.attempts += stats.attempts;
        figures.queuedMs += stats.queuedMs;
        figures.runMs += stats.runMs;
        figures.spending.add(
          { inputTokens: stats.inputTokens, outputTokens: stats.outputTokens, totalTokens: undefined },
          stats.costUsd,
        );
      }
    }
  }

  #toolEnded({ tool, success, runMs }: TuttiEvents['tool:end']): void {
    const figures = this.tools.of(tool);
    figures.calls += 1;
    if (!success) figures.failed += 1;
    figures.durationMs.record(runMs);
  }

  #groups(by: GroupKind): LabelledFigures<CallFigures> {
    if (by === 'agent') return this.byAgent;
    return by === 'model' ? this.byModel : this.byTenant;
  }

  #callEnded(event: TuttiEvents['call:end']): void {
    this.all.ended(event);
    this.byAgent.of(event.agent).ended(event);
    if (event.model !== undefined) this.byModel.of(event.model).ended(event);
    if (event.tenant !== undefined) this.byTenant.of(event.tenant).ended(event);
    this.queuedMs.record(event.queuedMs);
    if (event.firstTokenMs !== undefined) this.firstTokenMs.record(event.firstTokenMs);
    if (!event.success) return;
    if (event.cached === false) this.computedLatencyMs.record(event.totalMs);
    else this.cachedLatencyMs.record(event.totalMs);
  }

  #unclaimed(event: TuttiEvents['call:unclaimed']): void {
    for (const figures of this.#figuresOf(event)) figures.paid(event);
  }

  #attemptStarted({ agent, model, tenant }: TuttiEvents['attempt:start']): void {
    this.all.attempted();
    this.byAgent.of(agent).attempted();
    if (model !== undefined) this.byModel.of(model).attempted();
    if (tenant !== undefined) this.byTenant.of(tenant).attempted();
  }

  #figuresOf({ agent, model, tenant }: TuttiEvents['call:unclaimed']): CallFigures[] {
    const figures = [this.all, this.byAgent.of(agent)];
    if (model !== undefined) figures.push(this.byModel.of(model));
    if (tenant !== undefined) figures.push(this.byTenant.of(tenant));
    return figures;
  }

  #waited(reason: string): void {
    this.waits.set(reason, (this.waits.get(reason) ?? 0) + 1);
  }
}

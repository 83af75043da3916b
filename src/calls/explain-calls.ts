import type { TuttiEvents } from '../contracts/events.js';
import type { CallExplanation, ExplainOptions } from '../contracts/explanation.js';
import type { TypedEmitter } from '../events/typed-emitter.js';
import { LazyModule } from '../lifecycle/lazy-module.js';
import type { Clock } from '../time/clock.js';
import type { CallStep, StepRecorder } from './call-steps.js';
import type { ExplainedCalls } from './explain/explained-calls.js';

/** What records calls: for orchestrators with the option `explain`. */
export const explainCode = new LazyModule(() => import('./explain/explained-calls.js'));

/** The recorder of an orchestrator: the door to {@link ExplainedCalls}, which the first call of an agent has loaded. */
export class RecordedCalls implements StepRecorder {
  readonly #options: Required<ExplainOptions>;
  readonly #clock: Clock;
  readonly #events: TypedEmitter<TuttiEvents>;
  #recorder: ExplainedCalls | undefined = undefined;

  constructor(options: Required<ExplainOptions>, clock: Clock, events: TypedEmitter<TuttiEvents>) {
    this.#options = options;
    this.#clock = clock;
    this.#events = events;
  }

  step(step: CallStep): void {
    this.#open()?.step(step);
  }

  forgotten(key: string | undefined): void {
    this.#open()?.forgotten(key);
  }

  async explain(callId: string): Promise<CallExplanation> {
    await explainCode.load();
    return (this.#open() as ExplainedCalls).explain(callId);
  }

  /** `undefined` while its code is being loaded: calls wait for it before anything happens to them. */
  #open(): ExplainedCalls | undefined {
    const { loaded } = explainCode;
    if (loaded === undefined) return undefined;
    this.#recorder ??= new loaded.ExplainedCalls(this.#options, this.#clock, this.#events);
    return this.#recorder;
  }
}

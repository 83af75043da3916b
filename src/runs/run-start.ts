import { ClosedError } from '../errors/input-errors.js';
import { LazyModule } from '../lifecycle/lazy-module.js';
import type { OpenRun } from './task-run.js';

/** All that makes a run: orchestrators that only make single calls do without it. */
export const runCode = new LazyModule(() => import('./collect-run.js'));

type RunCode = typeof import('./collect-run.js');

/** A run that was accepted, from there to its end. While its code is loaded it stands for the run: closing waits for it. */
export class RunStart implements OpenRun {
  readonly #runs: Set<OpenRun>;
  readonly done: Promise<void>;
  #resolveDone!: () => void;
  #isCancelled = false;

  constructor(runs: Set<OpenRun>) {
    this.#runs = runs;
    this.done = new Promise((resolve) => {
      this.#resolveDone = resolve;
    });
  }

  /** @throws {@link ClosedError} where the time for closing was over before the run could start. */
  async load(): Promise<RunCode> {
    this.#runs.add(this);
    const code = await runCode.load();
    if (this.#isCancelled) throw new ClosedError('orchestrator');
    return code;
  }

  /** The run is over, or never started. */
  end(): void {
    this.#runs.delete(this);
    this.#resolveDone();
  }

  pump(): void {}

  cancel(): void {
    this.#isCancelled = true;
  }
}

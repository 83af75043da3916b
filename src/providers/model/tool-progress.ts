import type { CallLedger } from '../../contracts/call-ledger.js';
import type { AnsweredToolCall, ModelStep, ModelToolCall } from './model-step.js';

/** What follows a step: its tools are run, its turn is continued, or it is the answer. */
export type StepKind = 'tools' | 'paused' | 'answer';

/** A step that the model has finished. It is never requested again. */
export interface FinishedStep {
  readonly kind: StepKind;
  readonly step: ModelStep;
  /** The agent whose model made it. */
  readonly agent: string;
  /** The API that it came from; `raw` has the form of that API. */
  readonly api: string;
}

/** A finished step and its tool calls. */
export interface StepProgress extends FinishedStep {
  /** The calls whose tools are run; empty unless `kind` is `tools`. */
  readonly calls: readonly ToolCallProgress[];
  /** Whether the results of its tools were given out, in a stream. */
  areResultsDelivered: boolean;
}

const known = new WeakMap<CallLedger, ToolProgress>();

/**
 * What one call has finished in its tool loop, shared by all of its attempts: the steps in order, and the result of each
 * tool call. Where two attempts race, the first answer to a request counts, and a tool runs once for both.
 */
export class ToolProgress {
  readonly steps: StepProgress[] = [];
  readonly #id: string;

  private constructor(ledger: CallLedger | undefined) {
    this.#id = ledger?.id ?? '';
  }

  /** The progress of the call that the ledger belongs to. Without a ledger it lasts for one attempt. */
  static of(ledger: CallLedger | undefined): ToolProgress {
    if (ledger === undefined) return new ToolProgress(undefined);
    const found = known.get(ledger);
    if (found !== undefined) return found;
    const created = new ToolProgress(ledger);
    known.set(ledger, created);
    return created;
  }

  /** Adds the step at this position, unless another attempt was faster. */
  finish(position: number, finished: FinishedStep): void {
    if (this.steps.length > position) return;
    const { kind, step } = finished;
    const calls =
      kind === 'tools'
        ? step.toolCalls.map((call, index) => new ToolCallProgress(call, `${this.#id}-${position}-${index}`))
        : [];
    this.steps.push({ ...finished, calls, areResultsDelivered: kind !== 'tools' });
  }
}

/** Runs a tool call. The signal is aborted once no attempt waits for the call any more. */
export type ToolCallRunner = (call: ToolCallProgress, signal: AbortSignal) => Promise<AnsweredToolCall>;

/** One tool call of a step: it runs once, and every attempt that needs its result waits for that. */
export class ToolCallProgress {
  readonly call: ModelToolCall;
  /** The same for this call in all attempts. */
  readonly key: string;
  /** The result, once there is one. */
  answer: AnsweredToolCall | undefined = undefined;
  #running: Promise<AnsweredToolCall> | undefined = undefined;
  #stop = new AbortController();
  #waiting = 0;

  constructor(call: ModelToolCall, key: string) {
    this.call = call;
    this.key = key;
  }

  /** The result: there already, of a run that has begun, or of one that begins now. */
  async settle(run: ToolCallRunner, signal: AbortSignal): Promise<AnsweredToolCall> {
    if (this.answer !== undefined) return this.answer;
    if (this.#running === undefined) this.#stop = new AbortController();
    const leave = this.#wait(signal);
    try {
      this.#running ??= this.#run(run);
      return await this.#running;
    } finally {
      leave();
    }
  }

  async #run(run: ToolCallRunner): Promise<AnsweredToolCall> {
    try {
      this.answer = await run(this, this.#stop.signal);
      return this.answer;
    } finally {
      this.#running = undefined;
    }
  }

  /** Counts an attempt as waiting until its signal is aborted or the returned function is called. */
  #wait(signal: AbortSignal): () => void {
    const stop = this.#stop;
    this.#waiting += 1;
    const leave = (): void => {
      signal.removeEventListener('abort', leave);
      this.#waiting -= 1;
      if (this.#waiting === 0 && signal.aborted) stop.abort(signal.reason);
    };
    if (signal.aborted) leave();
    else signal.addEventListener('abort', leave, { once: true });
    return () => {
      if (!signal.aborted) leave();
    };
  }
}

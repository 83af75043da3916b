import type { CallLedger } from '../../contracts/call-ledger.js';
import { addUsage, type Usage } from '../../contracts/usage.js';
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
  /** What it cost, in US dollars; `undefined` if unknown. */
  readonly costUsd: number | undefined;
}

/** What was used and paid for. */
interface Spent {
  readonly usage: Partial<Usage>;
  /** In US dollars; `undefined` if unknown. */
  readonly costUsd?: number | undefined;
}

function addCosts(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a + b;
}

/** What is recorded of a tool loop. */
export type ProgressEntry =
  | ({ readonly type: 'step' } & FinishedStep)
  | { readonly type: 'tool-start'; readonly key: string }
  | {
      readonly type: 'tool-end';
      readonly key: string;
      readonly output: string;
      readonly isError: boolean;
      readonly spent?: Spent;
    }
  | ({ readonly type: 'approval'; readonly key: string } & ApprovalDecision);

function stepEntry(finished: FinishedStep): ProgressEntry {
  const { text, toolCalls, usage, finishReason, isPaused, model, raw } = finished.step;
  const step = { text, toolCalls, usage, finishReason, isPaused, model, raw };
  return { ...finished, type: 'step', step };
}

/** A finished step and its tool calls. */
export interface StepProgress extends FinishedStep {
  /** The calls whose tools are run; empty unless `kind` is `tools`. */
  readonly calls: readonly ToolCallProgress[];
  /** Whether the results of its tools were given out, in a stream. */
  areResultsDelivered: boolean;
}

/** Whether a tool call may run. */
export interface ApprovalDecision {
  readonly approved: boolean;
  /** What the model receives if it may not. */
  readonly reason?: string | undefined;
}

const known = new WeakMap<CallLedger, ToolProgress>();

/**
 * What one call has finished in its tool loop, shared by all of its attempts: the steps in order, and the result of each
 * tool call. Where two attempts race, the first answer to a request counts, and a tool runs once for both.
 */
export class ToolProgress {
  readonly steps: StepProgress[] = [];
  readonly #ledger: CallLedger | undefined;
  #loading: Promise<void> | undefined = undefined;
  /** Whether everything that an earlier process has recorded is there. */
  isLoaded: boolean;
  /** Steps so far whose tools are run. */
  #toolSteps = 0;

  private constructor(ledger: CallLedger | undefined) {
    this.#ledger = ledger;
    this.isLoaded = ledger?.load === undefined;
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

  /** Reads what an earlier process has recorded. What that has cost is added to the call. */
  load(): Promise<void> {
    this.#loading ??= this.#load().catch((error: unknown) => {
      this.#loading = undefined;
      throw error;
    });
    return this.#loading;
  }

  /** Adds the step at this position, unless another attempt was faster. */
  finish(position: number, finished: FinishedStep): void {
    if (this.steps.length > position) return;
    this.#add(finished);
    // An answer is recorded as the outcome of the call. What follows any other step is written after it.
    if (finished.kind !== 'answer') this.#ledger?.record?.(stepEntry(finished)).catch(() => {});
  }

  async #load(): Promise<void> {
    const entries = (await this.#ledger?.load?.()) as readonly ProgressEntry[] | undefined;
    for (const entry of entries ?? []) {
      if (entry.type === 'step') {
        this.#add(entry);
        this.#ledger?.addSpent(entry.step.usage, entry.costUsd);
      } else {
        this.#callOf(entry.key)?.apply(entry);
        if (entry.type === 'tool-end' && entry.spent !== undefined) {
          this.#ledger?.addSpent(entry.spent.usage, entry.spent.costUsd);
        }
      }
    }
    this.isLoaded = true;
  }

  #add(finished: FinishedStep): void {
    const { kind, step } = finished;
    const calls = kind === 'tools' ? this.#callsOf(step) : [];
    this.steps.push({ ...finished, calls, areResultsDelivered: kind !== 'tools' });
  }

  #callOf(key: string): ToolCallProgress | undefined {
    return this.steps.at(-1)?.calls.find((call) => call.key === key);
  }

  /** All tool calls before this one. */
  callsBefore(call: ToolCallProgress): ToolCallProgress[] {
    const all = this.steps.flatMap(({ calls }) => calls);
    return all.slice(0, all.indexOf(call));
  }

  #callsOf({ toolCalls }: ModelStep): ToolCallProgress[] {
    const number = this.#toolSteps;
    const id = this.#ledger?.id ?? '';
    this.#toolSteps += 1;
    return toolCalls.map((call, index) => new ToolCallProgress(call, `${id}-${number}-${index}`));
  }
}

/** Runs a tool call. The signal is aborted once no attempt waits for the call any more. */
export type ToolCallRunner = (call: ToolCallProgress, signal: AbortSignal) => Promise<AnsweredToolCall>;

/** One tool call of a step: it runs once, and every attempt that needs its result waits for that. */
export class ToolCallProgress {
  readonly call: ModelToolCall;
  /** The same for this call in all attempts, and when a run is resumed. */
  readonly key: string;
  /** What its tool has spent in other calls. */
  spent: Spent | undefined = undefined;
  /** Whether it may run, where it has to be approved. */
  decision: ApprovalDecision | undefined = undefined;
  /** Whether its tool was started: without a result it is then in doubt whether it took effect. */
  isStarted = false;
  /** The result, once there is one. */
  answer: AnsweredToolCall | undefined = undefined;
  #running: Promise<AnsweredToolCall> | undefined = undefined;
  #deciding: Promise<ApprovalDecision | undefined> | undefined = undefined;
  #stop = new AbortController();
  #waiting = 0;

  constructor(call: ModelToolCall, key: string) {
    this.call = call;
    this.key = key;
  }

  /** Adds what its tool has spent in another call. */
  addSpent(usage: Partial<Usage>, costUsd: number | undefined): void {
    const before = this.spent ?? { usage: {}, costUsd: 0 };
    this.spent = { usage: addUsage(before.usage, usage), costUsd: addCosts(before.costUsd, costUsd) };
  }

  /** Takes over what an earlier process has recorded. */
  apply(entry: Exclude<ProgressEntry, { type: 'step' }>): void {
    if (entry.type === 'tool-start') this.isStarted = true;
    else if (entry.type === 'approval') this.decision = { approved: entry.approved, reason: entry.reason };
    else this.answer = { ...this.call, output: entry.output, isError: entry.isError };
  }

  /** Has it decided whether it may run; attempts that ask at the same time share the answer. */
  async decide(ask: () => Promise<ApprovalDecision | undefined>): Promise<void> {
    this.#deciding ??= ask().finally(() => {
      this.#deciding = undefined;
    });
    this.decision = await this.#deciding;
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

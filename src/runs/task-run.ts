import { isPromiseLike } from '../calls/attempts/invoke-agent.js';
import type { Call, CallRequest, RecordedProgress, WarmUp } from '../calls/call.js';
import { SubmittedCall, submitCall } from '../calls/call-path.js';
import type { CallServices } from '../calls/call-services.js';
import type { RunOptions } from '../contracts/call.js';
import type { CallOutcome } from '../contracts/result.js';
import { TimeoutError } from '../errors/execution-errors.js';
import { type AsyncContext, captureContext, runIn } from '../lifecycle/async-context.js';
import { loopTurn } from '../lifecycle/loop-turn.js';
import { Budget, type BudgetAccount } from '../resilience/budget/budget.js';
import type { TimerHandle } from '../time/clock.js';
import type { SignalMember } from '../time/signal-hub.js';
import { PromptWarmUp } from './prompt-warm-up.js';
import type { IndexedTask, TaskReader } from './task-reader.js';

/** Where a run delivers its outcomes, and what it needs to know from there. */
export interface RunSink {
  readonly services: CallServices;
  /** Checks a task; a failure where it is not fit to run, or the outcome that it has already. */
  admit(input: unknown): CallRequest | CallOutcome;
  /** A task has settled. */
  settled(outcome: CallOutcome, index: number): void;
  /**
   * Everything that was read has settled, and nothing more is read; `error` where the source threw. The run is
   * over when the promise resolves, where there is one.
   */
  finished(error: { thrown: unknown } | undefined): void | Promise<void>;
  /** How many settled outcomes wait for the run's reader or journal: reading pauses when they are too many. */
  unread(): number;
  /** How many settled outcomes wait for those of earlier tasks. */
  held?(): number;
}

/** A run as its orchestrator sees it. */
export type OpenRun = Pick<TaskRun, 'done' | 'pump' | 'cancel'>;

/**
 * Many tasks under one signal and one deadline. It reads its source only as fast as calls can run: as many as there
 * are permits, and at most as many again for those that wait for their next attempt, the cache or earlier outcomes.
 */
export class TaskRun implements SignalMember {
  readonly total: number | undefined;
  /** What its calls together may spend. */
  readonly budget: Budget | undefined;
  /** What its first calls wait for. */
  readonly warmUp: WarmUp | undefined;
  /** Instant of the clock at which all of it ends at the latest. */
  deadlineAtMs: number | undefined = undefined;
  readonly #sink: RunSink;
  readonly #services: CallServices;
  readonly #options: RunOptions;
  readonly #reader: TaskReader;
  readonly #calls = new Set<TaskCall>();
  /** The context it was started in: its source is read and its agents run there, whichever call's end causes that. */
  readonly #context: AsyncContext | undefined = captureContext();
  /** Resolves when the run is over. */
  readonly done: Promise<void>;
  #resolveDone!: () => void;
  /** Tasks read so far. */
  tasksRead = 0;
  /** What ended the run before it was done. */
  stoppedBy: { readonly cause: unknown } | undefined = undefined;
  #underWay = 0;
  #setAside = 0;
  #isReading = false;
  #isPumping = false;
  /** Whether the last task that was read settled immediately: refused, recalled, or a hit in memory. */
  #lastTookNoTime = false;
  #sourceEnded = false;
  #isCutShort = false;
  #sourceError: { thrown: unknown } | undefined = undefined;
  #cancelCall: ((call: Call) => void) | undefined = undefined;
  #deadlineTimer: TimerHandle | undefined = undefined;
  #isFinished = false;

  /** @param account What the run had spent when it was interrupted. */
  constructor(sink: RunSink, reader: TaskReader, options: RunOptions, account: BudgetAccount | undefined) {
    this.#sink = sink;
    this.#services = sink.services;
    this.#options = options;
    this.#reader = reader;
    this.total = reader.total;
    this.budget = options.budget && new Budget('run', options.runId ?? '', options.budget, account);
    this.warmUp = options.warmFirst === true ? new PromptWarmUp() : undefined;
    this.done = new Promise((resolve) => {
      this.#resolveDone = resolve;
    });
  }

  /** Whether it was ended before its source had been read to the end. */
  get isCutShort(): boolean {
    return this.#isCutShort;
  }

  /** Whether it was ended before it was done. */
  get isCancelled(): boolean {
    return this.#cancelCall !== undefined;
  }

  /**
   * Begins to read and run.
   *
   * @param lateMs How long ago the run was asked for, in milliseconds.
   */
  start(lateMs: number): void {
    const { signal, deadlineMs } = this.#options;
    if (deadlineMs !== undefined) {
      this.deadlineAtMs = this.#services.clock.now() + deadlineMs;
      this.#deadlineTimer = this.#services.clock.setTimeout(
        (run: TaskRun) => run.#passDeadline(),
        Math.max(0, deadlineMs - lateMs),
        this,
      );
    }
    if (signal !== undefined) this.#services.signals.link(signal, this);
    // Otherwise an endless source would be read indefinitely, one cancelled call after the other.
    const { signal: outer } = this.#services.options;
    if (outer !== undefined) this.#services.signals.link(outer, this);
    this.pump();
  }

  /** Ends every call of the run; of an array's tasks, those not read yet fail too, other sources are read no further. */
  cancel(cancelCall: (call: Call) => void, cause: unknown): void {
    if (this.#cancelCall !== undefined || this.#isFinished) return;
    this.stoppedBy = { cause };
    this.#cancelCall = cancelCall;
    if (!this.#reader.isArray) this.#endSource();
    for (const call of this.#calls) cancelCall(call);
    this.pump();
  }

  signalAborted(reason: unknown): void {
    this.cancel((call) => call.signalAborted(reason), reason);
  }

  /** One of the run's calls needs no permit for a while. @internal */
  callSetAside(): void {
    this.#setAside += 1;
    this.pump();
  }

  /** One of the run's calls goes on. @internal */
  callTakenUp(): void {
    this.#setAside -= 1;
  }

  /** Reads on as far as it may. */
  pump(): void {
    // What runs below may come back here: one loop does all the reading.
    if (this.#isPumping) return;
    runIn(this.#context, () => this.#readOn());
  }

  #readOn(): void {
    this.#isPumping = true;
    while (this.#mayRead()) {
      // A million tasks that need no permit must not hold up everything else. Permits see to the other tasks.
      if (this.#lastTookNoTime && loopTurn.isOver) this.#pauseReading();
      else this.#readOne();
    }
    this.#isPumping = false;
    if (this.#sourceEnded && this.#underWay === 0) this.#finish();
  }

  #mayRead(): boolean {
    if (this.#sourceEnded || this.#isReading) return false;
    if (this.#cancelCall !== undefined) return true;
    const { maxConcurrent } = this.#services.permits;
    const occupied = this.#underWay + this.#sink.unread();
    const held = this.#sink.held?.() ?? 0;
    return occupied - this.#setAside < maxConcurrent && occupied + held < 2 * maxConcurrent;
  }

  #pauseReading(): void {
    this.#isReading = true;
    loopTurn.defer(() => {
      this.#isReading = false;
      this.pump();
    });
  }

  #readOne(): void {
    try {
      const next = this.#reader.next();
      if (isPromiseLike(next)) this.#readLater(next);
      else this.#take(next);
    } catch (thrown) {
      this.#failSource(thrown);
    }
  }

  #readLater(next: Promise<IndexedTask | undefined>): void {
    this.#isReading = true;
    const take = (task: IndexedTask | undefined): void => {
      this.#isReading = false;
      // Read after the run was cancelled: it is not run any more, like all that was not read.
      this.#take(this.#sourceEnded ? undefined : task);
      this.pump();
    };
    next.then(take, (thrown) => {
      this.#isReading = false;
      this.#failSource(thrown);
      this.pump();
    });
  }

  #take(task: IndexedTask | undefined): void {
    if (task === undefined) {
      this.#sourceEnded = true;
      return;
    }
    const underWay = this.#underWay;
    this.#underWay += 1;
    this.tasksRead += 1;
    const request = this.#sink.admit(task.input);
    if ('success' in request) this.#settled(request, task.index);
    else this.#submit(new TaskCall(request, this, task.index));
    this.#lastTookNoTime = this.#underWay <= underWay;
  }

  #submit(call: TaskCall): void {
    this.#calls.add(call);
    this.#cancelCall?.(call);
    submitCall(call);
  }

  /** One of the run's calls has settled. @internal */
  callSettled(call: TaskCall, outcome: CallOutcome): void {
    this.#calls.delete(call);
    this.#settled(outcome, call.index);
    this.pump();
  }

  #settled(outcome: CallOutcome, index: number): void {
    this.#underWay -= 1;
    this.#sink.settled(outcome, index);
  }

  #failSource(thrown: unknown): void {
    this.#sourceError ??= { thrown };
    this.#sourceEnded = true;
  }

  #endSource(): void {
    if (this.#sourceEnded) return;
    this.#sourceEnded = true;
    this.#isCutShort = this.tasksRead !== this.total;
    this.#reader.close();
  }

  #passDeadline(): void {
    const deadlineMs = this.#options.deadlineMs as number;
    const timeout = (agent: string, attempt: number): TimeoutError =>
      new TimeoutError('deadline', deadlineMs, { agent, attempt });
    this.cancel((call) => call.cancel(timeout(call.agent, call.attempts)), timeout('', 0));
  }

  #finish(): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    if (this.#deadlineTimer !== undefined) this.#services.clock.clearTimeout(this.#deadlineTimer);
    for (const signal of [this.#options.signal, this.#services.options.signal])
      if (signal !== undefined) this.#services.signals.unlink(signal, this);
    const closing = this.#sink.finished(this.#sourceError);
    if (closing === undefined) this.#resolveDone();
    else void closing.then(this.#resolveDone);
  }
}

class TaskCall extends SubmittedCall {
  readonly index: number;
  readonly #run: TaskRun;
  readonly #progress: RecordedProgress | undefined;

  constructor(request: CallRequest, run: TaskRun, index: number) {
    super(request);
    this.#run = run;
    this.#progress = request.progress;
    this.index = index;
  }

  protected deliverOutcome(outcome: CallOutcome): void {
    this.#run.callSettled(this, outcome);
  }

  override get progress(): RecordedProgress | undefined {
    return this.#progress;
  }

  override get runBudget(): Budget | undefined {
    return this.#run.budget;
  }

  override get warmUp(): WarmUp | undefined {
    return this.#run.warmUp;
  }

  override get deadlineAtMs(): number | undefined {
    const { deadlineAtMs } = this.#run;
    const own = super.deadlineAtMs;
    return deadlineAtMs === undefined ? own : Math.min(deadlineAtMs, own ?? deadlineAtMs);
  }

  override get mayOverflow(): boolean {
    return true;
  }

  override setAside(): void {
    this.#run.callSetAside();
  }

  override takenUp(): void {
    this.#run.callTakenUp();
  }
}

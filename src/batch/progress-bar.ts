import type { RunProgress } from '../contracts/call.js';
import { hasMethods } from '../input/has-methods.js';
import { madeOnce } from '../input/made-once.js';
import { count } from '../input/number-schemas.js';
import { optionsObject, thing } from '../input/option-schemas.js';
import { parseOptions } from '../input/parse-options.js';
import { optional, withDefault } from '../input/schema.js';
import { type Clock, systemClock, type TimerHandle } from '../time/clock.js';
import { type ProgressState, progressText } from './progress-text.js';

/** Where a progress bar is written: the part of `process.stderr` that it uses. */
export interface ProgressStream {
  /** Whether it is a terminal. Anything else gets plain lines. */
  readonly isTTY?: boolean | undefined;
  /** Width of the terminal, in characters. */
  readonly columns?: number | undefined;
  /** Writes text. */
  write(text: string): unknown;
}

/** Settings of {@link progressBar}. */
export interface ProgressBarOptions {
  /** Number of tasks, where their source does not know its length; at least 1. @default the source's length, if it has one */
  total?: number | undefined;
  /** Where it is written. @default process.stderr */
  stream?: ProgressStream | undefined;
  /** Where time comes from; for tests. @default the system's clock */
  clock?: Clock | undefined;
}

/** Shows the progress of a run: pass it as `onProgress`. */
export interface ProgressBar extends Disposable {
  /** Shows the progress that a run reports. */
  (progress: RunProgress): void;
  /** Shows the final state and ends the line. Happens by itself when all of a known number of tasks are done. */
  end(): void;
}

const progressBarSchema = madeOnce(() =>
  optionsObject({
    total: optional(count(1)),
    stream: withDefault(thing<ProgressStream>(hasMethods('write'), 'a stream with write()'), process.stderr),
    clock: withDefault(thing<Clock>(hasMethods('now', 'setTimeout', 'clearTimeout'), 'a clock'), systemClock),
  }),
);

/** How often a terminal is redrawn at most, in milliseconds. */
const REDRAW_MS = 100;
/** How often a line is written where there is no terminal, in milliseconds. */
const LINE_MS = 10_000;

/**
 * Returns an `onProgress` that shows how far a run has come: tasks done, failed and cached, tasks a second, the time
 * left, what was spent and what calls wait for. In a terminal it is one line that changes; in a pipe or a log file it is
 * a plain line at the start, every ten seconds and at the end. It keeps no process alive.
 *
 * @example
 * ```ts
 * const results = await orchestrator.executeMultiple(tasks, { onProgress: progressBar() });
 * ```
 *
 * @throws `InvalidArgumentError` for an unknown or invalid option.
 */
export function progressBar(options: ProgressBarOptions = {}): ProgressBar {
  const { total, stream, clock } = parseOptions(progressBarSchema(), options, 'progressBar options');
  const display = new ProgressDisplay(stream, clock, total);
  const end = (): void => display.end();
  return Object.assign((progress: RunProgress) => display.show(progress), { end, [Symbol.dispose]: end });
}

class ProgressDisplay {
  readonly #stream: ProgressStream;
  readonly #clock: Clock;
  readonly #total: number | undefined;
  readonly #isTerminal: boolean;
  #latest: ProgressState | undefined = undefined;
  #startedAtMs: number | undefined = undefined;
  #shownAtMs = Number.NEGATIVE_INFINITY;
  #isShown = true;
  #costUsd = 0;
  #timer: TimerHandle | undefined = undefined;
  #hasEnded = false;

  constructor(stream: ProgressStream, clock: Clock, total: number | undefined) {
    this.#stream = stream;
    this.#clock = clock;
    this.#total = total;
    this.#isTerminal = stream.isTTY === true && process.env.TERM !== 'dumb';
  }

  show(progress: RunProgress): void {
    if (this.#hasEnded) return;
    const { result, ...counts } = progress;
    const nowMs = this.#clock.now();
    // The first task has taken its time too, which is known.
    this.#startedAtMs ??= nowMs - result.timings.totalMs;
    this.#costUsd += result.costUsd ?? 0;
    const total = progress.total ?? this.#total;
    this.#latest = { ...counts, total, costUsd: this.#costUsd, elapsedMs: nowMs - this.#startedAtMs };
    this.#isShown = false;
    if (progress.done === total) this.end();
    else if (nowMs - this.#shownAtMs >= (this.#isTerminal ? REDRAW_MS : LINE_MS)) this.#draw();
    else if (this.#isTerminal) this.#drawSoon();
  }

  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#stopTimer();
    if (this.#latest === undefined) return;
    if (!this.#isShown) this.#draw();
    if (this.#isTerminal) this.#stream.write('\n');
  }

  #draw(): void {
    this.#stopTimer();
    this.#isShown = true;
    this.#shownAtMs = this.#clock.now();
    const { columns = 80 } = this.#stream;
    const text = progressText(this.#latest as ProgressState, this.#isTerminal);
    // A line that is full to its end would break, and what is left of a longer one is cleared.
    this.#stream.write(this.#isTerminal ? `\r${text.slice(0, columns - 1)}\x1b[K` : `${text}\n`);
  }

  /** Shows a state that came too soon after the last one, if no other comes. */
  #drawSoon(): void {
    if (this.#timer !== undefined) return;
    this.#timer = this.#clock.setTimeout(
      (display: ProgressDisplay) => {
        display.#timer = undefined;
        display.#draw();
      },
      REDRAW_MS,
      this,
    );
    (this.#timer as { unref?(): void } | undefined)?.unref?.();
  }

  #stopTimer(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

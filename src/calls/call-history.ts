import type { AgentResult } from '../contracts/result.js';
import type { Clock } from '../time/clock.js';

/** One answer that was computed, as `forecast` uses it. Figures that were not reported are `NaN`. */
export interface AnswerRow {
  /** Length of the task's text, in characters. */
  readonly taskChars: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly costUsd: number;
  /** Run time of all its attempts, in milliseconds. */
  readonly runMs: number;
  readonly attempts: number;
  /** When it was submitted and when it ended, in milliseconds of the clock. */
  readonly submittedAtMs: number;
  readonly endedAtMs: number;
}

const FIELDS = 8;
/** Answers that are kept for each model of an agent, and models. */
const MOST_ROWS = 256;
const FIRST_ROWS = 16;
const MOST_MODELS = 16;
/** A function that answers sooner and uses no tokens takes no time that a forecast could tell. */
const SHORTEST_RUN_MS = 1;

/** The latest answers of one model, as numbers in one array. */
class RecentRows {
  #values = new Float64Array(FIRST_ROWS * FIELDS);
  #count = 0;
  #next = 0;

  add(taskChars: number, { usage, costUsd, timings, attempts }: AgentResult, nowMs: number): void {
    const offset = this.#place();
    const values = this.#values;
    values[offset] = taskChars;
    values[offset + 1] = usage.inputTokens ?? Number.NaN;
    values[offset + 2] = usage.outputTokens ?? Number.NaN;
    values[offset + 3] = costUsd ?? Number.NaN;
    values[offset + 4] = timings.runMs;
    values[offset + 5] = attempts;
    values[offset + 6] = nowMs - timings.totalMs;
    values[offset + 7] = nowMs;
  }

  rows(): AnswerRow[] {
    return Array.from({ length: this.#count }, (_, row) => {
      const [taskChars, inputTokens, outputTokens, costUsd, runMs, attempts, submittedAtMs, endedAtMs] =
        this.#values.subarray(row * FIELDS, (row + 1) * FIELDS) as unknown as [
          ...[number, number, number, number],
          ...[number, number, number, number],
        ];
      return { taskChars, inputTokens, outputTokens, costUsd, runMs, attempts, submittedAtMs, endedAtMs };
    });
  }

  /** Where the next row goes: behind the last one, or in place of the oldest. */
  #place(): number {
    const row = this.#next;
    this.#next = (row + 1) % MOST_ROWS;
    this.#count = Math.max(this.#count, row + 1);
    if (this.#count * FIELDS > this.#values.length) {
      const grown = new Float64Array(2 * this.#values.length);
      grown.set(this.#values);
      this.#values = grown;
    }
    return row * FIELDS;
  }
}

/** The latest answers that an agent has computed, by model: what `forecast` learns from. */
export class CallHistory {
  readonly #models = new Map<string, RecentRows>();

  /** A call was answered by computing; one that took neither time nor tokens says nothing. */
  add(model: string | undefined, taskChars: number, result: AgentResult, clock: Clock): void {
    const { usage, costUsd, timings } = result;
    if (timings.runMs < SHORTEST_RUN_MS && usage.outputTokens === undefined && costUsd === undefined) return;
    this.#rowsOf(model ?? '')?.add(taskChars, result, clock.now());
  }

  /** The latest answers of a model, in no particular order. */
  rows(model: string | undefined): AnswerRow[] {
    return this.#models.get(model ?? '')?.rows() ?? [];
  }

  #rowsOf(model: string): RecentRows | undefined {
    let rows = this.#models.get(model);
    if (rows !== undefined) return rows;
    if (this.#models.size === MOST_MODELS) return undefined;
    rows = new RecentRows();
    this.#models.set(model, rows);
    return rows;
  }
}

import type { AnswerRow } from '../../calls/call-history.js';

/** A figure of earlier answers. */
export interface Spread {
  readonly mean: number;
  readonly variance: number;
}

/** The part of the earlier answers whose tasks are about as long, and the least number of them. */
const NEAR_SHARE = 0.25;
const NEAR_LEAST = 12;

type Field = 'inputTokens' | 'outputTokens' | 'costUsd' | 'runMs' | 'attempts';
const FIELDS: readonly Field[] = ['inputTokens', 'outputTokens', 'costUsd', 'runMs', 'attempts'];

/** Sums of a field over the rows before each, so that the mean of any stretch of rows costs nothing. */
class RunningSums {
  readonly isKnown: boolean;
  readonly #sums: Float64Array;
  readonly #squares: Float64Array;

  constructor(values: readonly number[]) {
    this.isKnown = values.length > 0 && values.every((value) => !Number.isNaN(value));
    this.#sums = new Float64Array(values.length + 1);
    this.#squares = new Float64Array(values.length + 1);
    for (const [index, value] of values.entries()) {
      this.#sums[index + 1] = (this.#sums[index] as number) + value;
      this.#squares[index + 1] = (this.#squares[index] as number) + value * value;
    }
  }

  of(from: number, to: number): Spread {
    const count = to - from;
    const mean = ((this.#sums[to] as number) - (this.#sums[from] as number)) / count;
    const square = ((this.#squares[to] as number) - (this.#squares[from] as number)) / count;
    // Of few answers the spread is underestimated without this.
    const correction = count > 1 ? count / (count - 1) : 1;
    return { mean, variance: Math.max(0, square - mean * mean) * correction };
  }
}

/**
 * What an agent's answers to tasks of a length take, drawn from its earlier answers to tasks of about that length. Input
 * tokens follow a straight line, as tasks may be longer than any before.
 */
export class AnswerModel {
  readonly samples: number;
  readonly #rows: readonly AnswerRow[];
  readonly #sums: Readonly<Record<Field, RunningSums>>;
  readonly #line: { readonly slope: number; readonly base: number };

  /** @param rows At least one. */
  constructor(rows: readonly AnswerRow[]) {
    this.#rows = [...rows].sort((a, b) => a.taskChars - b.taskChars);
    this.samples = rows.length;
    const sumsOf = (field: Field): RunningSums => new RunningSums(this.#rows.map((row) => row[field]));
    this.#sums = Object.fromEntries(FIELDS.map((field) => [field, sumsOf(field)])) as Record<
      Field,
      RunningSums
    >;
    this.#line = fitLine(this.#rows);
  }

  /** A field of answers to tasks of that length; `undefined` if it was not always reported. */
  near(field: Field, taskChars: number): Spread | undefined {
    const sums = this.#sums[field];
    return sums.isKnown ? sums.of(...this.#window(taskChars)) : undefined;
  }

  /** Input tokens of a task of that length; `undefined` if they were not always reported. */
  inputTokens(taskChars: number): Spread | undefined {
    const near = this.near('inputTokens', taskChars);
    if (near === undefined) return undefined;
    const { slope, base } = this.#line;
    const mean = Math.max(0, base + slope * taskChars);
    // What the line does not explain; roughly, as it is summed over many tasks.
    return { mean, variance: (0.1 * mean) ** 2 };
  }

  /** The run time of an earlier answer to a task of about that length, drawn at random. */
  drawRunMs(taskChars: number, random: () => number): number {
    const [from, to] = this.#window(taskChars);
    const row = this.#rows[from + Math.floor(random() * (to - from))] as AnswerRow;
    return row.runMs;
  }

  /** The rows of the nearest lengths: from the first to before the last. */
  #window(taskChars: number): [from: number, to: number] {
    const rows = this.#rows;
    const size = Math.min(rows.length, Math.max(NEAR_LEAST, Math.ceil(NEAR_SHARE * rows.length)));
    let [low, high] = [0, rows.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((rows[middle] as AnswerRow).taskChars < taskChars) low = middle + 1;
      else high = middle;
    }
    const from = Math.max(0, Math.min(rows.length - size, low - Math.floor(size / 2)));
    return [from, from + size];
  }
}

/** Least squares of input tokens over length; a level line where the lengths do not differ. */
function fitLine(rows: readonly AnswerRow[]): { slope: number; base: number } {
  const count = rows.length;
  const mean = (pick: (row: AnswerRow) => number): number =>
    rows.reduce((sum, row) => sum + pick(row), 0) / count;
  const [x, y] = [mean((row) => row.taskChars), mean((row) => row.inputTokens)];
  const covariance = mean((row) => (row.taskChars - x) * (row.inputTokens - y));
  const variance = mean((row) => (row.taskChars - x) ** 2);
  const slope = variance < 1e-9 ? 0 : Math.max(0, covariance / variance);
  return { slope, base: y - slope * x };
}

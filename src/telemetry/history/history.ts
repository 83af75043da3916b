import { randomUUID } from 'node:crypto';
import type { Logger } from '../../logging/logger.js';
import type { Clock } from '../../time/clock.js';
import type { CallFigures } from '../call-figures.js';
import type { HistorySnapshot } from '../snapshot.js';
import { HistoryFile, type HistoryLimits, type HistorySize } from './history-file.js';
import { type HistoryKind, type Level, rowOf, type StoredRow } from './history-rows.js';

/** Rows that may wait to be written; further ones are dropped. */
const MAX_WAITING_ROWS = 20_000;
/** How often minutes and hours are added up and old rows removed, in milliseconds. */
const TIDY_MS = 300_000;

/** What some calls did in one step. */
export interface HistoryStep {
  readonly kind: HistoryKind;
  readonly label: string;
  readonly figures: CallFigures;
}

/** Writes what happened into a file, one write after the other. A file that fails costs rows, which are counted, and no call. */
export class History {
  readonly #logger: Logger;
  readonly #file: Promise<HistoryFile>;
  // Processes may share the file: each has rows of its own until they are added up.
  readonly #source = randomUUID();
  #work: Promise<unknown>;
  #waiting = 0;
  #written = 0;
  #dropped = 0;
  #lastAt = 0;
  #tidiedAt = 0;
  #hasWarned = false;
  #size: HistorySize = { rows: 0, bytes: 0 };

  constructor(directory: string, limits: HistoryLimits, clock: Clock, logger: Logger) {
    this.#logger = logger;
    this.#file = HistoryFile.open(directory, limits, clock);
    this.#work = this.#file.catch((error: unknown) => this.#warn(error));
  }

  /** Writes a step; returns at once. */
  add(at: number, steps: readonly HistoryStep[]): void {
    if (this.#waiting + steps.length > MAX_WAITING_ROWS) {
      this.#dropped += steps.length;
      return;
    }
    // Two steps that begin in the same millisecond would be one row.
    this.#lastAt = Math.max(at, this.#lastAt + 1);
    const rows = steps.map((step) => rowOf(this.#lastAt, this.#source, step));
    this.#waiting += rows.length;
    this.#work = this.#work.then(() => this.#write(rows));
  }

  /** Rows of a kind, as fine as `level` or coarser; what was added before is among them. */
  async read(kind: HistoryKind, level: Level, from: number, to: number): Promise<StoredRow[]> {
    await this.#work;
    return (await this.#file).read(kind, level, from, to);
  }

  snapshot(): HistorySnapshot {
    return { ...this.#size, written: this.#written, dropped: this.#dropped };
  }

  async close(): Promise<void> {
    await this.#work;
    await this.#file.then(
      (file) => file.close(),
      () => {},
    );
  }

  async #write(rows: readonly StoredRow[]): Promise<void> {
    try {
      const file = await this.#file;
      await file.write(rows);
      this.#written += rows.length;
      await this.#tidy(file, rows[0]?.at ?? 0);
    } catch (error) {
      this.#dropped += rows.length;
      this.#warn(error);
    } finally {
      this.#waiting -= rows.length;
    }
  }

  /** @param nowMs When the latest rows began: those that still wait to be written are not added up before they are there. */
  async #tidy(file: HistoryFile, nowMs: number): Promise<void> {
    if (nowMs - this.#tidiedAt < TIDY_MS) return;
    this.#tidiedAt = nowMs;
    await file.tidy(nowMs);
    this.#size = await file.size();
  }

  /** Once: a file that fails would fail every ten seconds. */
  #warn(error: unknown): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    this.#logger.warn(
      { error },
      'the history of telemetry cannot be written; its rows are dropped and counted',
    );
  }
}

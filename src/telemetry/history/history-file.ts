import { join, resolve } from 'node:path';
import type { DatabaseOwner } from '../../sqlite/inspection.js';
import { type Database, openDatabase } from '../../sqlite/open-database.js';
import type { Clock } from '../../time/clock.js';
import {
  addUp,
  CREATE_TABLE,
  type HistoryKind,
  insertStatement,
  LEVEL_MS,
  type Level,
  ROWS_PER_STATEMENT,
  type StoredRow,
  valuesOf,
} from './history-rows.js';

/** What is in the header of a history's file; any other database is left alone. */
const OWNER: DatabaseOwner = { applicationId: 0x74_75_74_68, version: 1, tablePrefix: 'history' };
const FILE_NAME = 'telemetry.sqlite';

/** How long samples and minutes are kept at most, in milliseconds. Hours are kept for `retentionMs`. */
const LEVEL_RETENTION_MS = [2 * 3_600_000, 2 * 86_400_000] as const;

/** How often rows are counted at least, in milliseconds. */
const COUNT_MS = 3_600_000;
/** How much of the oldest rows is removed at a time when there are too many. */
const TRIMMED_SHARE = 0.1;
const MOST_TRIMS = 100;

/** What a history may keep. */
export interface HistoryLimits {
  readonly retentionMs: number;
  readonly maxRows: number;
  readonly maxBytes: number;
}

/** How large a history is. */
export interface HistorySize {
  readonly rows: number;
  readonly bytes: number;
}

/** The file of a history. */
export class HistoryFile {
  readonly #database: Database;
  readonly #limits: HistoryLimits;
  /** How many rows there are at most; other processes may have added some. */
  #rows = Number.POSITIVE_INFINITY;
  #countedAt = 0;

  private constructor(database: Database, limits: HistoryLimits) {
    this.#database = database;
    this.#limits = limits;
  }

  /** Opens the file in this folder; one that is corrupt is moved aside. */
  static async open(directory: string, limits: HistoryLimits, clock: Clock): Promise<HistoryFile> {
    const path = join(resolve(directory), FILE_NAME);
    const database = await openDatabase(path, {
      owner: OWNER,
      ifUnusable: 'move-aside',
      check: 'header',
      clock,
    });
    try {
      await database.query(CREATE_TABLE);
    } catch (error) {
      await database.close().catch(() => {});
      throw error;
    }
    return new HistoryFile(database, limits);
  }

  async write(rows: readonly StoredRow[]): Promise<void> {
    for (let start = 0; start < rows.length; start += ROWS_PER_STATEMENT) {
      const some = rows.slice(start, start + ROWS_PER_STATEMENT);
      await this.#database.query(insertStatement(some.length), some.flatMap(valuesOf));
    }
    this.#rows += rows.length;
  }

  /** Adds up the minutes and hours that are over, and removes what is too old or too much. */
  async tidy(nowMs: number): Promise<void> {
    await this.#rollUp(1, nowMs);
    await this.#rollUp(2, nowMs);
    await this.#removeOld(nowMs);
    if (nowMs - this.#countedAt > COUNT_MS) this.#rows = Number.POSITIVE_INFINITY;
    this.#countedAt = this.#rows === Number.POSITIVE_INFINITY ? nowMs : this.#countedAt;
    await this.#removeSurplus();
  }

  /** All rows of a kind from `from` on and before `to`, as fine as `level` or coarser where nothing finer is left. */
  async read(kind: HistoryKind, level: Level, from: number, to: number): Promise<StoredRow[]> {
    const rows: StoredRow[] = [];
    let end = to;
    // The latest part is there as samples alone, an older one as minutes, the oldest as hours.
    for (const [found, since] of await this.#parts(level, from)) {
      rows.push(
        ...(await this.#database.query<StoredRow>(
          'SELECT * FROM history_steps WHERE level = ? AND kind = ? AND at >= ? AND at < ? ORDER BY at',
          [found, kind, Math.max(from, since), end],
        )),
      );
      end = Math.min(end, since);
    }
    return rows.sort((a, b) => a.at - b.at);
  }

  /** How large it is; the rows as counted within the last hour, and what this process has written since. */
  async size(): Promise<HistorySize> {
    const [row] = await this.#database.query(
      `SELECT (page_count - freelist_count) * page_size AS bytes
       FROM pragma_page_count, pragma_freelist_count, pragma_page_size`,
    );
    if (this.#rows === Number.POSITIVE_INFINITY) await this.#count();
    return { rows: this.#rows, bytes: Number(row?.bytes) };
  }

  /** Reads the whole table, so it is not done often. */
  async #count(): Promise<void> {
    const [row] = await this.#database.query('SELECT count(*) AS rows FROM history_steps');
    this.#rows = Number(row?.rows);
  }

  close(): Promise<void> {
    return this.#database.close();
  }

  /** Which level covers what comes from which time on: latest first. */
  async #parts(level: Level, from: number): Promise<Array<readonly [level: Level, since: number]>> {
    const parts: Array<readonly [Level, number]> = [];
    for (const found of [0, 1, 2] as const) {
      // What a coarser level has not added up yet, or what is wanted as fine as this.
      const since =
        found < level ? await this.#coveredUntil((found + 1) as Level) : await this.#oldest(found);
      parts.push([found, found === 2 ? 0 : since]);
      if (found === 2 || (found >= level && since <= from)) break;
    }
    return parts;
  }

  /** From when on a level has everything; what comes before is read from the next coarser one, whose steps are whole. */
  async #oldest(level: Level): Promise<number> {
    const [row] = await this.#database.query('SELECT min(at) AS at FROM history_steps WHERE level = ?', [
      level,
    ]);
    if (row?.at == null) return Number.MAX_SAFE_INTEGER;
    const first = Number(row.at);
    if (level === 2) return first;
    const coarserMs = LEVEL_MS[level + 1] as number;
    const whole = Math.ceil(first / coarserMs) * coarserMs;
    return whole <= (await this.#coveredUntil((level + 1) as Level)) ? whole : first;
  }

  /** Until when everything has been added up to this level, or to a coarser one. */
  async #coveredUntil(level: Level): Promise<number> {
    const rows = await this.#database.query<{ level: Level; at: number }>(
      'SELECT level, max(at) AS at FROM history_steps WHERE level >= ? GROUP BY level',
      [level],
    );
    return Math.max(0, ...rows.map((row) => row.at + (LEVEL_MS[row.level] as number)));
  }

  /** Computes the coarser rows of the steps that are over; the last one again, as another process may have written late. */
  async #rollUp(level: 1 | 2, nowMs: number): Promise<void> {
    const stepMs = LEVEL_MS[level];
    const end = Math.floor(nowMs / stepMs) * stepMs;
    await this.#database.transaction(async (run) => {
      const [last] = await run('SELECT max(at) AS at FROM history_steps WHERE level = ?', [level]);
      const finer = await run<StoredRow>(
        'SELECT * FROM history_steps WHERE level = ? AND at >= ? AND at < ?',
        [level - 1, last?.at == null ? 0 : Number(last.at), end],
      );
      const rows = addUp(finer, ({ at, kind, label }) => ({
        level,
        at: Math.floor(at / stepMs) * stepMs,
        source: '',
        kind,
        label,
      }));
      for (let start = 0; start < rows.length; start += ROWS_PER_STATEMENT) {
        const some = rows.slice(start, start + ROWS_PER_STATEMENT);
        await run(insertStatement(some.length), some.flatMap(valuesOf));
      }
      this.#rows += rows.length;
    });
  }

  async #removeOld(nowMs: number): Promise<void> {
    const { retentionMs } = this.#limits;
    for (const [level, keptMs] of [...LEVEL_RETENTION_MS, retentionMs].entries()) {
      await this.#database.query('DELETE FROM history_steps WHERE level = ? AND at < ?', [
        level,
        nowMs - Math.min(keptMs, retentionMs),
      ]);
    }
  }

  /** Removes the oldest rows of the finest level, then of the coarser ones, until the rest fits. */
  async #removeSurplus(): Promise<void> {
    const { maxRows, maxBytes } = this.#limits;
    for (let trims = 0; trims < MOST_TRIMS; trims += 1) {
      if ((await this.size()).rows > maxRows) await this.#count();
      const { rows, bytes } = await this.size();
      if (rows <= maxRows && bytes <= maxBytes) return;
      const surplus = Math.max(rows - maxRows, Math.ceil(TRIMMED_SHARE * rows), 1);
      const removed = await this.#database.query(
        `DELETE FROM history_steps WHERE (level, at, kind, label, source) IN
         (SELECT level, at, kind, label, source FROM history_steps ORDER BY level, at LIMIT ?) RETURNING 1 AS one`,
        [surplus],
      );
      if (removed.length === 0) return;
      this.#rows -= removed.length;
    }
  }
}

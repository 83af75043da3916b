// Covers: src/journal/journal-keys.ts, src/journal/journal-rows.ts, src/journal/journal-seal.ts, src/runs/resumed/rejected-rows.ts
import { existsSync, readdirSync } from 'node:fs';
import { chmod, copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  type AgentFunction,
  AsyncOrchestrator,
  type CallOutcome,
  RunJournalError,
  type RunOptions,
  type RunProgress,
  type TaskInput,
  type TuttiEvents,
} from '../../../src/index.js';
import { deleteRun, getRun, readRun } from '../../../src/journal/index.js';
import type { SqlValue } from '../../../src/sqlite/driver.js';
import { type Database, openDatabase } from '../../../src/sqlite/open-database.js';
import { rejectionOf } from '../../behaviour/scripted-agents.js';

const SECRET = 'the secret of these tests';
const OTHER_SECRET = 'another secret of these tests';
/** On three pages. */
const TASKS = 300;

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tutti-changed-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const inputs: TaskInput[] = Array.from({ length: TASKS }, (_none, index) => ['echo', `task ${index}`]);
async function* later(tasks: readonly TaskInput[]): AsyncGenerator<TaskInput> {
  yield* tasks;
}

interface Ended {
  readonly results: CallOutcome[];
  /** Tasks that were run, by index. */
  readonly executed: number[];
  readonly events: Array<TuttiEvents['journal:reject']>;
  readonly warnings: unknown[];
}

/** Runs all tasks to their end. */
async function run(
  directory: string,
  options: RunOptions & { isLazy?: boolean } = {},
  answer = (task: string): string => task.toUpperCase(),
): Promise<Ended> {
  const { isLazy = false, ...rest } = options;
  const executed: number[] = [];
  const events: Ended['events'] = [];
  const warnings: unknown[] = [];
  const echo: AgentFunction = (task) => {
    executed.push(Number(task.slice('task '.length)));
    return answer(task);
  };
  const logger = { debug() {}, info() {}, error() {}, warn: (fields: unknown) => warnings.push(fields) };
  await using orchestrator = new AsyncOrchestrator({ agents: { echo }, maxConcurrent: 50, logger });
  orchestrator.on('journal:reject', (event) => events.push(event));
  const results = await orchestrator.executeMultiple((isLazy ? later(inputs) : inputs) as TaskInput[], {
    runId: 'r',
    directory,
    secret: SECRET,
    ...rest,
  });
  return { results, executed, events, warnings };
}

function expectRightAnswers({ results }: Ended): void {
  expect(results.map((result) => result.success && result.output)).toEqual(
    inputs.map((_input, index) => `TASK ${index}`),
  );
}

const journalsIn = (directory: string): string[] =>
  readdirSync(join(directory, 'runs'))
    .filter((name) => name.endsWith('.db'))
    .map((name) => join(directory, 'runs', name));
const journalIn = (directory: string): string => journalsIn(directory)[0] as string;

/** Changes a journal behind the back of its run. */
async function change<Result>(path: string, work: (database: Database) => Promise<Result>): Promise<Result> {
  const database = await openDatabase(path);
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

/** A journal with the outcomes of all tasks, in a folder of its own. */
let recorded: string;
let folders = 0;
beforeAll(async () => {
  recorded = join(root, 'recorded');
  await run(recorded);
});
async function freshCopy(): Promise<string> {
  folders += 1;
  const directory = join(root, `copy-${folders}`);
  // Makes the folder; the journal itself is copied over.
  await run(directory, { signal: AbortSignal.abort() });
  await copyFile(journalIn(recorded), journalIn(directory));
  for (const companion of ['-wal', '-shm']) await rm(journalIn(directory) + companion, { force: true });
  return directory;
}

interface Row {
  id: number;
  key_id: SqlValue;
  task: SqlValue;
  value: SqlValue;
  signature: SqlValue;
}
const COLUMNS = ['key_id', 'task', 'value', 'signature'] as const;
type Column = (typeof COLUMNS)[number];

const rowsOf = (path: string): Promise<Row[]> =>
  change(path, (database) => database.query<Row>('SELECT * FROM journal ORDER BY id'));
const put = (database: Database, id: number, column: Column, value: SqlValue): Promise<unknown> =>
  database.query(`UPDATE journal SET ${column} = ? WHERE id = ?`, [value, id]);

/** Numbers from 0 to below 1, the same for the same seed. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

interface Source {
  readonly random: () => number;
  /** Rows of this journal, of another run, of the same run with another secret, of an earlier run of the same name. */
  readonly own: Row[];
  readonly foreign: Row[][];
}

/** Ways to change one row; each leaves it different from what it was. */
const CHANGES: Array<(database: Database, row: Row, column: Column, source: Source) => Promise<unknown>> = [
  // One character is another one.
  (database, row, column, { random }) => {
    const text = String(row[column]);
    const at = Math.floor(random() * text.length);
    const other = text[at] === 'a' ? 'b' : 'a';
    return put(
      database,
      row.id,
      column,
      `${text.slice(0, at)}${other}${text.slice(at + 1)}x`.slice(0, text.length || 1),
    );
  },
  // It is cut off, or has more at its end.
  (database, row, column, { random }) => {
    const text = String(row[column]);
    return put(database, row.id, column, text.slice(0, Math.floor(random() * text.length)) || `${text} `);
  },
  (database, row, column) => put(database, row.id, column, `${row[column]} `),
  // The same bytes or nothing at all, as another type.
  (database, row, column) => put(database, row.id, column, Buffer.from(`${row[column]}`)),
  (database, row, column) => put(database, row.id, column, Buffer.alloc(0)),
  // The text of an answer is another one, with everything around it as it should be.
  (database, row) => {
    const value = String(row.value).replace(/"output":"[^"]*"/, '"output":"EVIL TEXT"');
    return put(
      database,
      row.id,
      'value',
      value === row.value ? '{"success":true,"output":"EVIL TEXT"}' : value,
    );
  },
  // It is the row of another place, as a whole.
  async (database, row, _column, { own, random }) => {
    let other = row;
    while (other.id === row.id) other = own[Math.floor(random() * own.length)] as Row;
    for (const name of COLUMNS) await put(database, row.id, name, other[name]);
  },
  // It is the row of the same place of a foreign journal.
  async (database, row, _column, { foreign, random }) => {
    const rows = foreign[Math.floor(random() * foreign.length)] as Row[];
    const other = rows.find(({ id }) => id === row.id) as Row;
    for (const name of COLUMNS) await put(database, row.id, name, other[name]);
  },
];

/** The position that a report about the row names. */
const indexOf = ({ id }: Row): number => (id > 0 ? id - 1 : (-1 - id) * 128);

describe('a journal that was changed behind the back of its run', () => {
  let foreign: Row[][];
  beforeAll(async () => {
    const evil = (): string => 'EVIL TEXT';
    const [otherRun, otherSecret, earlier] = ['other-run', 'other-secret', 'earlier'].map((name) =>
      join(root, name),
    ) as [string, string, string];
    await run(otherRun, { runId: 'R' }, evil);
    await run(otherSecret, { secret: OTHER_SECRET }, evil);
    await run(earlier, {}, evil);
    foreign = await Promise.all([otherRun, otherSecret, earlier].map((name) => rowsOf(journalIn(name))));
  });

  test.each(Array.from({ length: 10 }, (_none, round) => [round, round % 2 === 1] as const))(
    'gives right answers, runs again what was changed and that only, and reports each row (round %i, lazily read: %s)',
    async (round, isLazy) => {
      const random = seeded(20_261_128 + round);
      const directory = await freshCopy();
      const own = (await rowsOf(journalIn(directory))).filter(({ id }) => id !== 0);
      const changed = own.filter(() => random() < 0.35);
      await change(journalIn(directory), async (database) => {
        for (const [count, row] of changed.entries()) {
          const way = CHANGES[count % CHANGES.length] as (typeof CHANGES)[number];
          // Pages and heads have no task to change.
          const column = COLUMNS[Math.floor(random() * COLUMNS.length)] as Column;
          await way(database, row, row.id < 0 && column === 'task' ? 'value' : column, {
            random,
            own,
            foreign,
          });
        }
      });
      expect(changed.length).toBeGreaterThan(80);

      const ended = await run(directory, { isLazy });
      expectRightAnswers(ended);
      expect(ended.executed.sort((a, b) => a - b)).toEqual(changed.filter(({ id }) => id > 0).map(indexOf));
      const named = ended.events.map(({ kind, index }) => `${kind} ${index}`);
      expect(named.sort()).toEqual(
        changed.map((row) => `${row.id > 0 ? 'outcome' : 'page'} ${indexOf(row)}`).sort(),
      );
      expect(ended.warnings).toHaveLength(changed.length);

      // What was run again is on record, and the journal is whole once more.
      const again = await run(directory, { isLazy });
      expectRightAnswers(again);
      expect([again.executed, again.events]).toEqual([[], []]);
    },
  );

  test('counts rows that cannot be verified as neither results nor failures', async () => {
    const directory = await freshCopy();
    await change(journalIn(directory), async (database) => {
      await put(database, 6, 'value', '{"success":true,"output":"EVIL TEXT"}');
      await put(database, 8, 'signature', 'f'.repeat(64));
    });
    const location = { directory, runId: 'r', secret: SECRET };
    expect(await getRun(location)).toMatchObject({
      length: TASKS,
      succeeded: TASKS - 2,
      failed: 0,
      rejected: 2,
      isComplete: false,
    });
    const indices: number[] = [];
    const readAll = async (): Promise<void> => {
      for await (const outcome of readRun(location)) indices.push(outcome.index);
    };
    const error = await rejectionOf(RunJournalError, readAll());
    expect(error).toMatchObject({ problem: 'unverified' });
    expect(error.message).toContain('of the tasks 5, 7;');
    expect(indices).toHaveLength(TASKS - 2);
    expect(indices).not.toContain(5);
  });

  test.each([
    ['beyond the last task', 5_000],
    ['beyond every number that is exact', 2n ** 62n],
    ['on a page beyond the last one', -900],
    ['below every number that is exact', -(2n ** 62n)],
  ])('removes and reports a row that was added %s', async (_where, id) => {
    const directory = await freshCopy();
    await change(journalIn(directory), (database) =>
      // As text, since not every driver takes numbers of this size.
      database.query(
        `INSERT INTO journal (id, key_id, task, value, signature) SELECT ${id}, key_id, task, value, signature FROM journal WHERE id = 1`,
      ),
    );
    const ended = await run(directory);
    expectRightAnswers(ended);
    expect(ended.executed).toEqual([]);
    expect(ended.events).toMatchObject([{ reason: 'out-of-range' }]);
    expect((await run(directory)).events).toEqual([]);
  });

  test('does not take the length of a run from a row that cannot be verified', async () => {
    const directory = join(root, 'unknown-length');
    // Cancelled, so that its source never says how long it is.
    const controller = new AbortController();
    await run(directory, {
      isLazy: true,
      signal: controller.signal,
      onProgress: ({ done }: RunProgress) => {
        if (done === 20) controller.abort();
      },
    });
    const before = await getRun({ directory, runId: 'r', secret: SECRET });
    expect(before).toMatchObject({ length: undefined });
    await change(journalIn(directory), (database) =>
      database.query('UPDATE journal SET id = 7000 WHERE id = (SELECT max(id) FROM journal)'),
    );
    const ended = await run(directory, { isLazy: true });
    expectRightAnswers(ended);
    expect(ended.events).toMatchObject([{ kind: 'outcome', index: 6_999, reason: 'bad-signature' }]);
  });

  test('reads no value that is larger than any it writes', async () => {
    const directory = await freshCopy();
    await change(journalIn(directory), async (database) => {
      for (const column of COLUMNS)
        await database.query(`UPDATE journal SET ${column} = zeroblob(70000000) WHERE id = ?`, [
          3 + COLUMNS.indexOf(column),
        ]);
    });
    const before = process.memoryUsage().arrayBuffers;
    let most = before;
    const ended = await run(directory, {
      onProgress: () => {
        most = Math.max(most, process.memoryUsage().arrayBuffers);
      },
    });
    expectRightAnswers(ended);
    expect(most - before).toBeLessThan(20_000_000);
    expect(ended.events.map(({ index, reason }) => [index, reason])).toEqual([
      [2, 'malformed'],
      [3, 'malformed'],
      [4, 'too-large'],
      [5, 'bad-signature'],
    ]);
  });
});

describe('the head of a journal', () => {
  test.each([
    ['changed', "UPDATE journal SET value = replace(value, '300', '301') WHERE id = 0"],
    ['cut off', "UPDATE journal SET value = '{' WHERE id = 0"],
    ['given the name of an unknown key', "UPDATE journal SET key_id = 'ffffffffffff' WHERE id = 0"],
    ['removed', 'DELETE FROM journal WHERE id = 0'],
  ])('that was %s begins the run again, and keeps the file', async (_what, sql) => {
    const directory = await freshCopy();
    await change(journalIn(directory), (database) => database.query(sql));
    await rejectionOf(RunJournalError, getRun({ directory, runId: 'r', secret: SECRET }));
    const ended = await run(directory);
    expectRightAnswers(ended);
    expect(ended.executed).toHaveLength(TASKS);
    expect(ended.events).toMatchObject([{ kind: 'head', index: undefined, movedTo: expect.any(String) }]);
    expect(existsSync(ended.events[0]?.movedTo as string)).toBe(true);
    expect((await run(directory)).executed).toEqual([]);
  });

  test('of an earlier run of the same name makes none of its rows valid', async () => {
    const earlier = await freshCopy();
    const directory = join(root, 'later');
    await run(directory, {}, () => 'EVIL TEXT');
    const [head] = (await rowsOf(journalIn(directory))).filter(({ id }) => id === 0) as [Row];
    await change(journalIn(earlier), async (database) => {
      for (const name of COLUMNS) await put(database, 0, name, head[name]);
    });
    const ended = await run(earlier);
    expectRightAnswers(ended);
    expect(ended.executed).toHaveLength(TASKS);
  });

  test('that does not say what was spent ends a run with a budget before any work', async () => {
    const directory = join(root, 'budget');
    const answer = (task: string): string => task.toUpperCase();
    await run(directory, { budget: { usd: 100, perCallUsd: 0.1 } }, answer);
    const spent =
      'UPDATE journal SET value = replace(value, \'"spentUsd":\', \'"spentUsd":-9\') WHERE id = 0';
    await change(journalIn(directory), (database) => database.query(spent));
    const executed: string[] = [];
    const error = await rejectionOf(
      RunJournalError,
      run(directory, { budget: { usd: 100, perCallUsd: 0.1 } }, (task) => {
        executed.push(task);
        return task;
      }),
    );
    expect(error).toMatchObject({ problem: 'unverified' });
    expect(executed).toEqual([]);
    expect(await deleteRun({ directory, runId: 'r' })).toBe(true);
  });
});

describe('a database of another application in the place of a journal', () => {
  test('is an error, and not a byte of it is changed', async () => {
    const directory = join(root, 'foreign');
    await run(directory, { signal: AbortSignal.abort() });
    const path = journalIn(directory);
    for (const companion of ['', '-wal', '-shm']) await rm(path + companion, { force: true });
    await change(path, (database) => database.query('CREATE TABLE contacts (name TEXT)'));
    const before = await readFile(path);
    const error = await rejectionOf(RunJournalError, run(directory));
    expect(error).toMatchObject({ problem: 'format' });
    expect(before.equals(await readFile(path))).toBe(true);
  });
});

describe('the secret of a journal', () => {
  test('that is another one is refused, and the journal left as it is', async () => {
    const directory = await freshCopy();
    const error = await rejectionOf(RunJournalError, run(directory, { secret: OTHER_SECRET }));
    expect(error).toMatchObject({ problem: 'secret', retryable: false });
    expect(error.message).toContain('TUTTI_CACHE_SECRET');
    await rejectionOf(RunJournalError, getRun({ directory, runId: 'r', secret: OTHER_SECRET }));
    expect((await run(directory)).executed).toEqual([]);
  });

  test("is that of the orchestrator's cache where the run names none", async () => {
    const directory = await freshCopy();
    const executed: string[] = [];
    const agents = {
      echo: (task: string) => {
        executed.push(task);
        return task;
      },
    };
    await using orchestrator = new AsyncOrchestrator({ agents, cache: { secret: SECRET } });
    await orchestrator.executeMultiple(inputs, { runId: 'r', directory });
    expect(executed).toEqual([]);
  });

  test('is kept for the user, with a warning where others could read it, and refused where it cannot be kept', async () => {
    const before = process.env.XDG_CONFIG_HOME;
    process.env.XDG_CONFIG_HOME = join(root, 'config');
    try {
      const directory = join(root, 'kept');
      await run(directory, { secret: undefined });
      await chmod(join(root, 'config', 'tutti', 'cache.key'), 0o644);
      const again = await run(directory, { secret: undefined });
      expect([again.executed, again.events, again.warnings.length]).toEqual([[], [], 1]);

      await writeFile(join(root, 'a file'), '');
      process.env.XDG_CONFIG_HOME = join(root, 'a file');
      const error = await rejectionOf(RunJournalError, run(directory, { secret: undefined }));
      expect(error).toMatchObject({ problem: 'secret' });
      expect(error.message).toContain('TUTTI_CACHE_SECRET');
    } finally {
      if (before === undefined) delete process.env.XDG_CONFIG_HOME;
      else process.env.XDG_CONFIG_HOME = before;
    }
  });

  test('can be rotated', async () => {
    const directory = await freshCopy();
    const both = await run(directory, { secret: [OTHER_SECRET, SECRET] });
    expect([both.executed, both.events]).toEqual([[], []]);
  });

  test('is taken from the environment, and does not stand in the file', async () => {
    process.env.TUTTI_CACHE_SECRET = SECRET;
    try {
      const directory = await freshCopy();
      expect((await run(directory, { secret: undefined })).executed).toEqual([]);
      for (const row of await rowsOf(journalIn(directory))) expect(JSON.stringify(row)).not.toContain(SECRET);
    } finally {
      delete process.env.TUTTI_CACHE_SECRET;
    }
  });

  test.each([
    ['too short', { secret: 'short' }],
    ['without a runId', { secret: SECRET, runId: undefined, directory: undefined }],
    ['of another type', { secret: 7 as unknown as string }],
  ])('is rejected at the door when it is %s', async (_what, options) => {
    await expect(run(join(root, 'door'), options)).rejects.toMatchObject({
      code: 'TUTTI_INVALID_ARGUMENT',
      field: 'secret',
    });
  });
});

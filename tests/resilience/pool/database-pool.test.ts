import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Pool } from '../../../src/resilience/pool/pool.js';
import { type Database, openDatabase } from '../../../src/sqlite/open-database.js';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tutti-pool-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

test('shares three connections of a real database between fifty callers, and closes all', async () => {
  const opened: Database[] = [];
  const pool = new Pool<Database>({
    maxSize: 3,
    create: async () => {
      const database = await openDatabase(join(folder, 'orders.db'), { driver: 'auto' });
      opened.push(database);
      return database;
    },
    destroy: (database) => database.close(),
  });
  await pool.use((database) => database.query('CREATE TABLE orders (id INTEGER)'));
  const write = (id: number) => pool.use((database) => database.query('INSERT INTO orders VALUES (?)', [id]));
  await Promise.all(Array.from({ length: 50 }, (_, id) => write(id)));
  const [row] = await pool.use((database) =>
    database.query<{ n: number }>('SELECT count(*) AS n FROM orders'),
  );
  expect(row?.n).toBe(50);
  expect(opened.length).toBeLessThanOrEqual(3);
  expect(pool.stats()).toMatchObject({ acquired: 52, reused: 52 - opened.length });
  await pool.close();
  for (const database of opened) await expect(database.query('SELECT 1')).rejects.toThrow();
});

// Covers: src/resilience/pool/pool.ts, src/resilience/pool/pool-options.ts
import { describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { CancelledError } from '../../../src/errors/execution-errors.js';
import { ClosedError, InvalidArgumentError } from '../../../src/errors/input-errors.js';
import { PoolError } from '../../../src/errors/pool-error.js';
import { Pool } from '../../../src/resilience/pool/pool.js';
import type { PoolOptions } from '../../../src/resilience/pool/pool-options.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';

/** Connections that count how many are open, and how many at most. */
class Connections {
  open = 0;
  most = 0;
  made = 0;

  readonly create = (): number => {
    this.open += 1;
    this.most = Math.max(this.most, this.open);
    this.made += 1;
    return this.made;
  };

  readonly destroy = (): void => {
    this.open -= 1;
  };
}

function poolOf(options: Partial<PoolOptions<number>> = {}): {
  pool: Pool<number>;
  connections: Connections;
  clock: FakeClock;
} {
  const connections = new Connections();
  const clock = new FakeClock();
  const { create, destroy } = connections;
  return { pool: new Pool({ create, destroy, clock, ...options }), connections, clock };
}

describe('Pool', () => {
  test('opens nothing until it is needed, and gives a returned resource again', async () => {
    const { pool, connections } = poolOf();
    expect(connections.made).toBe(0);
    expect([await pool.use((one) => one), await pool.use((one) => one)]).toEqual([1, 1]);
    expect(pool.stats()).toMatchObject({
      size: 1,
      idle: 1,
      inUse: 0,
      created: 1,
      acquired: 2,
      reused: 1,
      reuseRatio: 0.5,
    });
    await pool.close();
  });

  test('never has more than maxSize open, however many ask: fifty users share five', async () => {
    const { pool, connections, clock } = poolOf({ maxSize: 5 });
    const users = Array.from({ length: 50 }, () =>
      pool.use(async (one) => {
        await new Promise<void>((resolve) => clock.setTimeout(resolve, 10, undefined));
        return one;
      }),
    );
    await clock.advance(100);
    expect(new Set(await Promise.all(users)).size).toBe(5);
    expect({ most: connections.most, reuseRatio: pool.stats().reuseRatio }).toEqual({
      most: 5,
      reuseRatio: 0.9,
    });
    await pool.close();
    expect(connections.open).toBe(0);
  });

  test('serves callers in the order in which they asked', async () => {
    const { pool } = poolOf({ maxSize: 1 });
    const order: number[] = [];
    const first = await pool.acquire();
    const rest = [1, 2, 3].map((index) => pool.use(() => order.push(index)));
    first.release();
    await Promise.all(rest);
    expect(order).toEqual([1, 2, 3]);
  });

  test('returning twice is once', async () => {
    const { pool } = poolOf({ maxSize: 2 });
    const lease = await pool.acquire();
    lease.release();
    lease.release();
    lease.destroy();
    expect(pool.stats()).toMatchObject({ size: 1, idle: 1 });
    const [a, b] = [await pool.acquire(), await pool.acquire()];
    expect(a.value).not.toBe(b.value);
  });

  test('leaving a using block returns it', async () => {
    const { pool } = poolOf();
    {
      using lease = await pool.acquire();
      expect(lease.value).toBe(1);
    }
    expect(pool.stats()).toMatchObject({ idle: 1, inUse: 0 });
  });

  test('a caller that waits too long gets an error that says so, and is not served later', async () => {
    const { pool, clock } = poolOf({ maxSize: 1, name: 'database' });
    const lease = await pool.acquire();
    const late = pool.acquire({ waitTimeoutMs: 50 }).catch((error: unknown) => error);
    await clock.advance(50);
    const error = (await late) as PoolError;
    expect(PoolError.isInstance(error) && error).toMatchObject({
      code: 'TUTTI_POOL',
      problem: 'wait-timeout',
      retryable: true,
    });
    expect(error.message).toBe('Pool "database": none of 1 resources became free within 50 ms.');
    lease.release();
    expect(pool.stats()).toMatchObject({ idle: 1, waiting: 0, waitTimeouts: 1 });
    expect(clock.pendingTimers).toBe(0);
  });

  test('a caller leaves by its signal, before and while it waits', async () => {
    const { pool } = poolOf({ maxSize: 1 });
    await pool.acquire();
    const controller = new AbortController();
    const waiting = pool.acquire({ signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow(CancelledError);
    await expect(pool.acquire({ signal: controller.signal })).rejects.toThrow(CancelledError);
    expect(pool.stats().waiting).toBe(0);
  });

  test('rejects at once when too many wait', async () => {
    const { pool } = poolOf({ maxSize: 1, maxQueued: 1 });
    await pool.acquire();
    void pool.acquire().catch(() => {});
    await expect(pool.acquire()).rejects.toMatchObject({ problem: 'queue-full' });
  });

  test('closes unused resources after idleMs, down to minSize', async () => {
    const { pool, connections, clock } = poolOf({ maxSize: 4, minSize: 1, idleMs: 1_000 });
    const leases = await Promise.all([1, 2, 3, 4].map(() => pool.acquire()));
    for (const lease of leases) lease.release();
    await clock.advance(999);
    expect(connections.open).toBe(4);
    await clock.advance(1);
    expect(connections.open).toBe(1);
    await clock.advance(100_000);
    expect(pool.stats()).toMatchObject({ size: 1, idle: 1, destroyed: 3 });
  });

  test('a resource that no longer works is replaced before anyone gets it', async () => {
    const broken = new Set<number>();
    const { pool, connections } = poolOf({ validate: async (one) => !broken.has(one) });
    await pool.use(() => {});
    broken.add(1);
    expect(await pool.use((one) => one)).toBe(2);
    expect({ open: connections.open, invalid: pool.stats().invalid }).toEqual({ open: 1, invalid: 1 });
  });

  test.each([
    ['is closed', undefined, 0],
    ['is kept when validate says that it works', () => true, 1],
    ['is closed when validate says that it does not', () => false, 0],
    [
      'is closed when validate throws',
      () => {
        throw new Error('gone');
      },
      0,
    ],
  ])('a resource whose use failed %s', async (_, validate, left) => {
    const { pool, connections } = poolOf({ validate });
    const failing = pool.use(() => {
      throw new TypeError('broken');
    });
    await expect(failing).rejects.toThrow('broken');
    expect(connections.open).toBe(left);
  });

  test('what create throws reaches one caller, and the next one can try again', async () => {
    const create = jest
      .fn<() => Promise<number>>()
      .mockRejectedValueOnce(new Error('refused'))
      .mockResolvedValue(7);
    const { pool } = poolOf({ create, destroy: undefined, maxSize: 1 });
    await expect(pool.acquire()).rejects.toThrow('refused');
    expect((await pool.acquire()).value).toBe(7);
    expect(pool.stats()).toMatchObject({ size: 1, createFailures: 1, created: 1 });
  });

  test('a creation that takes too long is aborted, and what it opens even so is closed', async () => {
    let finish: (one: number) => void = () => {};
    let signal: AbortSignal | undefined;
    const destroyed: number[] = [];
    const { pool, clock } = poolOf({
      maxSize: 1,
      createTimeoutMs: 100,
      create: (context) => {
        signal = context.signal;
        return new Promise<number>((resolve) => {
          finish = resolve;
        });
      },
      destroy: (one) => destroyed.push(one),
    });
    const error = pool.acquire().catch((thrown: unknown) => thrown);
    await clock.advance(100);
    expect(await error).toMatchObject({ problem: 'create-timeout' });
    expect({ aborted: signal?.aborted, size: pool.stats().size }).toEqual({ aborted: true, size: 1 });
    finish(9);
    await clock.advance(0);
    expect({ destroyed, size: pool.stats().size }).toEqual({ destroyed: [9], size: 0 });
  });

  test('a creation that never ends loses its place after abandonMs, so that another can be tried', async () => {
    const create = jest
      .fn<() => Promise<number>>()
      .mockReturnValueOnce(new Promise(() => {}))
      .mockResolvedValue(2);
    const { pool, clock } = poolOf({ maxSize: 1, createTimeoutMs: 100, abandonMs: 50, create });
    const first = pool.acquire().catch((thrown: unknown) => thrown);
    const second = pool.acquire();
    await clock.advance(150);
    expect(await first).toMatchObject({ problem: 'create-timeout' });
    expect((await second).value).toBe(2);
  });

  test('closing rejects those who wait, waits for what is on loan, and closes all', async () => {
    const { pool, connections, clock } = poolOf({ maxSize: 1 });
    const lease = await pool.acquire();
    const waiting = pool.acquire().catch((error: unknown) => error);
    const closing = pool.close({ drainMs: 1_000 });
    expect(pool.close()).toBe(closing);
    expect(ClosedError.isInstance(await waiting)).toBe(true);
    await expect(pool.acquire()).rejects.toThrow(ClosedError);
    await clock.advance(500);
    expect(connections.open).toBe(1);
    lease.release();
    await closing;
    expect(connections.open).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });

  test('closing takes away what has not come back in time, once', async () => {
    const { pool, connections, clock } = poolOf();
    const lease = await pool.acquire();
    const closing = pool.close({ drainMs: 100 });
    await clock.advance(100);
    await closing;
    lease.release();
    expect(connections.open).toBe(0);
  });

  test('closing aborts a creation that is running', async () => {
    const { pool, clock } = poolOf({
      create: ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
    });
    const waiting = pool.acquire().catch((error: unknown) => error);
    await pool.close();
    expect(ClosedError.isInstance(await waiting)).toBe(true);
    expect({ size: pool.stats().size, timers: clock.pendingTimers }).toEqual({ size: 0, timers: 0 });
  });

  test('what destroy throws is logged, and frees the place', async () => {
    const warn = jest.fn();
    const logger = { debug: jest.fn(), info: jest.fn(), warn, error: jest.fn() };
    const { pool } = poolOf({
      destroy: () => {
        throw new Error('no');
      },
      logger,
    });
    (await pool.acquire()).destroy();
    await pool.close();
    expect(warn).toHaveBeenCalledWith(expect.anything(), 'closing a resource of the pool failed: no');
    expect(pool.stats().size).toBe(0);
  });

  test.each([
    [{ maxSize: 0 }, 'maxSize'],
    [{ idleMs: -1 }, 'idleMs'],
    [{ create: 'x' }, 'create'],
    [{ maxsize: 3 }, 'maxsize'],
    [{ name: '' }, 'name'],
  ])('refuses %j and names the field', (options, field) => {
    const build = () => new Pool({ create: () => 1, ...(options as object) });
    expect(build).toThrow(InvalidArgumentError);
    expect(build).toThrow(field);
  });

  test('refuses a wrong drainMs and stays open', async () => {
    const { pool } = poolOf();
    expect(() => pool.close({ drainMs: -1 })).toThrow(InvalidArgumentError);
    await pool.use(() => {});
    await pool.close({ drainMs: 0 });
  });

  test.each([[{ waitTimeoutMs: 0 }], [{ signal: {} }], [{ timeoutMs: 1 }]])(
    'refuses %j as options of acquire',
    async (options) => {
      const { pool } = poolOf();
      await expect(pool.acquire(options as object)).rejects.toThrow(InvalidArgumentError);
      expect(pool.stats().size).toBe(0);
    },
  );

  test('holds its limit and loses no place, whatever takes how long and fails', async () => {
    const step = fc.record({
      holdMs: fc.nat(50),
      waitMs: fc.integer({ min: 1, max: 40 }),
      fails: fc.boolean(),
      createMs: fc.nat(30),
      createFails: fc.boolean(),
      destroyMs: fc.nat(30),
      isValid: fc.boolean(),
      atMs: fc.nat(60),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 25 }),
        fc.integer({ min: 1, max: 4 }),
        async (steps, maxSize) => {
          const clock = new FakeClock();
          const passed = (ms: number) =>
            new Promise<void>((resolve) => clock.setTimeout(resolve, ms, undefined));
          let [open, most, made, checked] = [0, 0, 0, 0];
          const at = (index: number) => steps[index % steps.length] as (typeof steps)[number];
          const pool = new Pool<object>({
            clock,
            maxSize,
            minSize: 0,
            idleMs: 20,
            createTimeoutMs: 25,
            abandonMs: 1_000,
            create: async () => {
              const { createMs, createFails } = at(made++);
              open += 1;
              most = Math.max(most, open);
              await passed(createMs);
              if (!createFails) return {};
              open -= 1;
              throw new Error('refused');
            },
            destroy: async () => {
              await passed(at(made).destroyMs);
              open -= 1;
            },
            validate: () => at(checked++).isValid,
          });
          const users = steps.map(async ({ atMs, holdMs, waitMs, fails }) => {
            await passed(atMs);
            await pool.use(
              async () => {
                await passed(holdMs);
                if (fails) throw new Error('failed');
              },
              { waitTimeoutMs: waitMs },
            );
          });
          const settled = Promise.allSettled(users);
          await clock.advance(10_000);
          await settled;
          const { size, inUse, waiting } = pool.stats();
          expect({ isWithinLimit: most <= maxSize, size, inUse, waiting, open }).toEqual({
            isWithinLimit: true,
            size: 0,
            inUse: 0,
            waiting: 0,
            open: 0,
          });
          expect(clock.pendingTimers).toBe(0);
        },
      ),
      { numRuns: 150 },
    );
  });
});

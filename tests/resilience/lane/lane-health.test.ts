import { describe, expect, test } from '@jest/globals';
import { LaneHealth } from '../../../src/resilience/lane/lane-health.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';

function healthOf({ waiting = 0, random = 0, maxProbeDelayMs = 30_000 } = {}) {
  const clock = new FakeClock();
  const health = new LaneHealth({
    clock,
    waiting: () => waiting,
    maxProbeDelayMs: () => maxProbeDelayMs,
    random: () => random,
  });
  return { clock, health };
}

/** A lane that has answered `answers` requests; the next one has this number. */
function working(answers = 20, options: Parameters<typeof healthOf>[0] = {}) {
  const test = healthOf(options);
  for (let request = 0; request < answers; request += 1) test.health.answered(request);
  return { ...test, next: answers };
}

/** A working lane that has rejected two requests a moment ago: the next rejection is one too many. */
function rejecting(options: Parameters<typeof healthOf>[0] = {}) {
  const test = working(20, options);
  test.health.failed(test.next, undefined, true);
  test.health.failed(test.next + 1, undefined, true);
  return { ...test, next: test.next + 2 };
}

/** The times at which probes go out in this long an outage, from when the lane was stopped. */
async function probeTimes({ clock, health }: ReturnType<typeof healthOf>, outageMs: number) {
  const startMs = clock.now();
  const times: number[] = [];
  for (let request = 1_000; ; request += 1) {
    const opensAtMs = health.opensAtMs(clock.now());
    if (opensAtMs - startMs > outageMs) return times;
    await clock.advance(opensAtMs - clock.now());
    health.started(clock.now());
    times.push(clock.now() - startMs);
    health.failed(request, undefined, false);
  }
}

describe('LaneHealth: what stops a lane', () => {
  test('nothing has stopped it at first', () => {
    const { health } = healthOf();
    expect([health.isStopped, health.stopReason, health.stoppedSinceMs, health.pausedForMs]).toEqual([
      false,
      undefined,
      undefined,
      0,
    ]);
    expect(health.opensAtMs(70)).toBe(70);
  });

  test('one failed request among those that are answered does not', () => {
    const { health, next } = working();
    expect(health.failed(next, undefined, false)).toBe(false);
    expect(health.failed(next + 1, undefined, true)).toBe(false);
    expect(health.isStopped).toBe(false);
  });

  test('its very first failure does, where nothing was ever answered', () => {
    const { health } = healthOf();
    expect(health.failed(0, undefined, false)).toBe(true);
    expect([health.stopReason, health.stops]).toEqual(['failing', 1]);
  });

  test.each([
    [1, 4],
    [2, 6],
    [4, 12],
    [100, 12],
  ])('after %i answers the failure of three quarters of the latest 16 does: the %ith', (answers, needed) => {
    const { health, next } = working(answers);
    let failures = 0;
    while (!health.isStopped) {
      health.failed(next + failures, undefined, false);
      failures += 1;
    }
    expect(failures).toBe(needed);
  });

  test('a demanded wait does, for as long and up to a tenth longer', () => {
    const { health, next, clock } = rejecting({ random: 0.5 });
    expect(health.failed(next, 2_000, true)).toBe(true);
    expect([health.stopReason, health.pausedForMs, health.stops]).toEqual(['retry-after', 2_100, 1]);
    expect(health.opensAtMs(clock.now())).toBe(2_100);
  });

  test('no more than a second is added to a demanded wait', () => {
    const { health, next } = rejecting({ random: 1 });
    health.failed(next, 3_600_000, true);
    expect(health.pausedForMs).toBe(3_601_000);
  });

  test('a demanded wait does not, however long, where at most two of the latest eight requests failed', () => {
    const { health, next } = working(7);
    expect(health.failed(next, 86_400_000, true)).toBe(false);
    expect(health.failed(next + 1, 86_400_000, true)).toBe(false);
    expect(health.isStopped).toBe(false);
    for (let answer = 2; answer <= 6; answer += 1) health.answered(next + answer);
    expect(health.failed(next + 7, 1_000, true)).toBe(true);
  });

  test('a demanded wait does where fewer than seven requests were answered before', () => {
    const { health, next } = working(6);
    expect(health.failed(next, 1_000, true)).toBe(true);
  });

  test('a demanded wait of 0 ms does not', () => {
    const { health, next } = working();
    expect(health.failed(next, 0, true)).toBe(false);
    expect(health.isStopped).toBe(false);
  });

  test('a longer wait prolongs the stop, a shorter one does not, and the lane is stopped once', () => {
    const { health, next } = rejecting();
    health.failed(next, 2_000, true);
    expect(health.failed(next + 1, 1_000, true)).toBe(false);
    expect(health.pausedForMs).toBe(2_000);
    expect(health.failed(next + 2, 5_000, true)).toBe(true);
    expect([health.pausedForMs, health.stops]).toEqual([5_000, 1]);
  });

  test('fifty requests rejected together prolong nothing by their jitter', () => {
    let draws = 0;
    const clock = new FakeClock();
    const health = new LaneHealth({
      clock,
      waiting: () => 50,
      maxProbeDelayMs: () => 30_000,
      random: () => {
        draws += 1;
        return draws / 100;
      },
    });
    for (let request = 0; request < 50; request += 1) health.failed(request, 2_000, true);
    expect([draws, health.pausedForMs]).toEqual([1, 2_002]);
  });
});

describe('LaneHealth: while a lane is stopped', () => {
  test('probes go out 400 ms apart, then at intervals of a quarter of the outage, up to the longest', async () => {
    const test = healthOf({ maxProbeDelayMs: 2_000 });
    test.health.failed(0, undefined, false);
    const times = await probeTimes(test, 20_000);
    expect(times.slice(0, 5)).toEqual([400, 800, 1_200, 1_600, 2_000]);
    const gaps = times.slice(1).map((atMs, index) => atMs - (times[index] as number));
    for (const [index, gapMs] of gaps.entries()) {
      const outageMs = times[index] as number;
      expect(gapMs).toBeCloseTo(Math.min(2_000, Math.max(400, outageMs / 4)), 5);
    }
    expect(gaps.at(-1)).toBe(2_000);
  });

  test('the first probe goes out after the demanded wait, not before', () => {
    const { health, next, clock } = rejecting();
    health.failed(next, 100, true);
    expect(health.opensAtMs(clock.now())).toBe(100);
    health.failed(next + 1, 3_000, true);
    expect(health.opensAtMs(clock.now())).toBe(3_000);
  });

  test('a probe can be brought forward, but not before the demanded wait', async () => {
    const test = healthOf();
    test.health.failed(0, undefined, false);
    await probeTimes(test, 30_000);
    const nowMs = test.clock.now();
    test.health.probeBy(nowMs + 7);
    expect(test.health.opensAtMs(nowMs)).toBe(nowMs + 7);
    test.health.probeBy(nowMs + 1_000);
    expect(test.health.opensAtMs(nowMs)).toBe(nowMs + 7);
    test.health.failed(5_000, 3_000, true);
    test.health.probeBy(nowMs + 1);
    expect(test.health.opensAtMs(nowMs)).toBe(nowMs + 3_000);
    const { health } = healthOf();
    health.probeBy(5);
    expect(health.opensAtMs(0)).toBe(0);
  });

  test('failures are counted until one is answered', () => {
    const { health } = healthOf();
    for (let request = 0; request < 20; request += 1) health.failed(request, undefined, false);
    expect(health.failuresInARow).toBe(20);
    health.answered(20);
    expect(health.failuresInARow).toBe(0);
  });
});

describe('LaneHealth: what lets a lane go on', () => {
  test('the answer of a request that was sent after the failure', async () => {
    const { health, next, clock } = rejecting();
    health.failed(next + 5, 1_000, true);
    await clock.advance(1_000);
    // Sent before the one that failed: says nothing.
    expect(health.answered(next)).toBe(false);
    expect(health.isStopped).toBe(true);
    expect(health.answered(next + 6)).toBe(true);
    expect([health.isStopped, health.stopReason]).toEqual([false, undefined]);
  });

  test('any answer, where nothing was ever answered before', () => {
    const { health } = healthOf();
    health.failed(5, undefined, false);
    expect(health.answered(3)).toBe(true);
    expect(health.isStopped).toBe(false);
  });

  test('three answers while a wait is demanded that only one call met', () => {
    const { health, next } = rejecting();
    health.failed(next, 60_000, true);
    expect([1, 2, 3].map((later) => health.answered(next + later))).toEqual([false, false, true]);
    expect([health.isStopped, health.pausedForMs]).toEqual([false, 0]);
    // Nobody has to return slowly: nothing was wrong.
    expect(health.opensAtMs(7)).toBe(7);
  });

  test('no few answers while a wait is demanded of most, until more than three quarters are answered', () => {
    const { health, next } = working();
    for (let request = next; request < next + 16; request += 1) health.failed(request, 60_000, true);
    let answers = 1;
    while (!health.answered(next + 15 + answers)) answers += 1;
    expect(answers).toBe(13);
  });

  test.each([1, 4, 30, 1_000])(
    '%i waiting requests return so that no 100 ms contain more than a quarter of them',
    async (waiting) => {
      const { health, clock } = healthOf({ waiting });
      health.failed(0, undefined, false);
      await clock.advance(400);
      health.started(clock.now());
      health.answered(1);
      const starts: number[] = [];
      for (let started = 0; started < waiting; started += 1) {
        const opensAtMs = health.opensAtMs(clock.now());
        await clock.advance(opensAtMs - clock.now());
        health.started(clock.now());
        starts.push(clock.now());
      }
      const most = Math.max(
        ...starts.map((fromMs) => starts.filter((atMs) => atMs >= fromMs && atMs < fromMs + 99.999).length),
      );
      expect(most).toBeLessThanOrEqual(Math.max(1, Math.floor(waiting / 4)));
      expect((starts.at(-1) as number) - 400).toBeLessThanOrEqual(500);
      // Then nothing holds anybody back.
      expect(health.opensAtMs(clock.now())).toBe(clock.now());
    },
  );

  test('after too many requests the next return takes twice the time, until one goes well', async () => {
    const { health, next, clock } = rejecting({ waiting: 8 });
    const stepAfter = async (request: number): Promise<number> => {
      await clock.advance(1_000);
      expect(health.answered(request)).toBe(true);
      expect(health.isReturningSlowly).toBe(true);
      health.started(clock.now());
      return health.opensAtMs(clock.now()) - clock.now();
    };
    health.failed(next, 1_000, true);
    expect(await stepAfter(next + 1)).toBe(50);
    health.failed(next + 2, 1_000, true);
    expect(await stepAfter(next + 3)).toBe(100);
    health.failed(next + 4, 1_000, true);
    expect(await stepAfter(next + 5)).toBe(200);
    // All have returned.
    for (let start = 0; start < 8; start += 1) {
      await clock.advance(1_000);
      health.opensAtMs(clock.now());
      health.started(clock.now());
    }
    expect(health.isReturningSlowly).toBe(false);
    health.failed(next + 6, 1_000, true);
    expect(await stepAfter(next + 7)).toBe(50);
  });

  test('one rejection among the answers to those that return does not slow the others down', async () => {
    const { health, next, clock } = working(20, { waiting: 400 });
    let request = next;
    for (let stop = 0; stop < 20; stop += 1) {
      health.failed(request++, 1_000, true);
      health.failed(request++, 1_000, true);
      health.failed(request++, 1_000, true);
      await clock.advance(1_000);
      expect(health.answered(request++)).toBe(true);
      health.started(clock.now());
      expect(health.opensAtMs(clock.now()) - clock.now()).toBe(1);
      for (let answer = 0; answer < 16; answer += 1) health.answered(request++);
    }
  });

  test('however often there are too many, the return takes at most sixteen times as long', async () => {
    const { health, next, clock } = working(20, { waiting: 8 });
    for (let request = next; request < next + 40; request += 2) {
      health.failed(request, 1_000, true);
      await clock.advance(1_000);
      health.answered(request + 1);
      health.started(clock.now());
    }
    expect(health.opensAtMs(clock.now()) - clock.now()).toBe(16 * 50);
  });
});

import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { RateRequest } from '../../../src/resilience/rate-limit/rate-request.js';
import { type ReturnOrder, ReturnQueue } from '../../../src/resilience/rate-limit/return-queue.js';
import type { RetryOutlook } from '../../../src/resilience/retry/retry-outlook.js';
import { progress } from '../admitted.js';

const COST = { inputTokens: 1, outputTokens: 1 };
const nothing = (): void => {};
const always = (_: RateRequest, nowMs: number): number => nowMs;

/** A request that is ready at `readyAtMs`, after `failures` failed attempts. */
function returning(readyAtMs: number, failures = 1, more: Partial<RetryOutlook> = {}): RateRequest {
  const outlook = { ...progress(5), ...more, readyAtMs, failures, backoffsMs: () => 0, isLast: false };
  return new RateRequest(COST, { outlook }, nothing, nothing);
}

function queueOf(...requests: RateRequest[]): ReturnQueue {
  const queue = new ReturnQueue();
  for (const request of requests) queue.push(request);
  return queue;
}

const ORDER = fc.constantFrom<ReturnOrder>('ready', 'most-failures', 'fewest-failures');

describe('ReturnQueue', () => {
  test('is empty at first', () => {
    const queue = new ReturnQueue();
    expect([queue.size, queue.nextReadyMs]).toEqual([0, Infinity]);
    expect(queue.next(0, always, 'ready')).toEqual({ request: undefined, nextMs: Infinity });
  });

  test('gives the request that is ready first, once it is', () => {
    const [early, late] = [returning(100), returning(200)];
    const queue = queueOf(late, early);
    expect(queue.nextReadyMs).toBe(100);
    expect(queue.next(99, always, 'ready')).toEqual({ request: undefined, nextMs: 100 });
    expect(queue.next(300, always, 'ready').request).toBe(early);
    expect(queue.delete(early)).toBe(true);
    expect(queue.next(300, always, 'ready').request).toBe(late);
  });

  test('removes a request once', () => {
    const request = returning(100);
    const queue = queueOf(request);
    expect([queue.delete(request), queue.delete(request), queue.delete(returning(1))]).toEqual([
      true,
      false,
      false,
    ]);
    expect([queue.size, [...queue.values()]]).toEqual([0, []]);
  });

  test('gives of those that are ready the one with the most failed attempts where that is asked for', () => {
    const [one, two, later] = [returning(100, 1), returning(200, 2), returning(900, 3)];
    const queue = queueOf(one, two, later);
    expect(queue.next(150, always, 'most-failures').request).toBe(one);
    expect(queue.next(300, always, 'most-failures').request).toBe(two);
    expect(queue.next(300, always, 'ready').request).toBe(one);
  });

  test('gives of those that are ready the newest of those with the fewest failed attempts where that is asked for', () => {
    const [twice, oldest, newest, later] = [
      returning(1, 2),
      returning(2, 0),
      returning(3, 0),
      returning(900, 0),
    ];
    const queue = queueOf(newest, twice, later, oldest);
    expect(queue.next(300, always, 'fewest-failures').request).toBe(newest);
    queue.delete(newest);
    expect(queue.next(300, always, 'fewest-failures').request).toBe(oldest);
    queue.delete(oldest);
    expect(queue.next(300, always, 'fewest-failures').request).toBe(twice);
  });

  test('passes over those that may not go yet, and says when the first of them may', () => {
    const [first, second] = [returning(100), returning(200)];
    const queue = queueOf(first, second);
    const onlyFrom = (allowedMs: number) => (request: RateRequest, nowMs: number) =>
      request === first ? allowedMs : nowMs;
    expect(queue.next(300, onlyFrom(500), 'ready').request).toBe(second);
    queue.delete(second);
    expect(queue.next(300, onlyFrom(500), 'ready')).toEqual({ request: undefined, nextMs: 500 });
    expect(queue.next(300, onlyFrom(Infinity), 'ready')).toEqual({ request: undefined, nextMs: Infinity });
    expect(queue.next(500, onlyFrom(500), 'ready').request).toBe(first);
  });

  test('says when the next is ready where the ready ones may not go', () => {
    const [held, later] = [returning(100), returning(700)];
    const queue = queueOf(held, later);
    const notHeld = (request: RateRequest, nowMs: number) => (request === held ? Infinity : nowMs);
    expect(queue.next(300, notHeld, 'ready')).toEqual({ request: undefined, nextMs: 700 });
    expect(queue.next(300, notHeld, 'most-failures')).toEqual({ request: undefined, nextMs: 700 });
    expect(queue.next(700, notHeld, 'ready').request).toBe(later);
  });

  test('lets all go at once when its lane works again, but none before the wait that was demanded of it', () => {
    const [ready, waits, demanded] = [
      returning(100),
      returning(5_000),
      returning(9_000, 1, { demandedAtMs: 4_000 }),
    ];
    const queue = queueOf(demanded, waits, ready);
    waits.heldSinceMs = 1;
    queue.release(1_000);
    expect([ready, waits, demanded].map(({ readyAtMs }) => readyAtMs)).toEqual([100, 1_000, 4_000]);
    expect(waits.heldSinceMs).toBeUndefined();
    const order = [];
    for (let nowMs = 1_000; queue.size > 0; nowMs += 1_000) {
      for (let { request } = queue.next(nowMs, always, 'ready'); request; ) {
        order.push([request, nowMs]);
        queue.delete(request);
        ({ request } = queue.next(nowMs, always, 'ready'));
      }
    }
    expect(order).toEqual([
      [ready, 1_000],
      [waits, 1_000],
      [demanded, 4_000],
    ]);
  });

  test('gives each request once, never early and in the order of their times', () => {
    const requests = fc.array(fc.record({ readyAtMs: fc.nat(50), failures: fc.nat(3) }), { maxLength: 30 });
    fc.assert(
      fc.property(requests, fc.array(fc.nat(30)), ORDER, (all, removals, order) => {
        const queue = new ReturnQueue();
        let left = all.map(({ readyAtMs, failures }) => returning(readyAtMs, failures));
        for (const request of left) queue.push(request);
        for (const index of removals) {
          const request = left[index];
          if (request === undefined) continue;
          queue.delete(request);
          left = left.filter((other) => other !== request);
        }
        for (let nowMs = 0; nowMs <= 50; ) {
          const { request, nextMs } = queue.next(nowMs, always, order);
          const ready = left.filter(({ readyAtMs }) => readyAtMs <= nowMs);
          if (request === undefined) {
            expect(ready).toEqual([]);
            expect(nextMs).toBe(Math.min(Infinity, ...left.map(({ readyAtMs }) => readyAtMs)));
            if (nextMs === Infinity) break;
            nowMs = nextMs;
            continue;
          }
          expect(ready).toContain(request);
          const failures = ready.map(({ outlook }) => outlook.failures);
          const wanted = order === 'most-failures' ? Math.max(...failures) : Math.min(...failures);
          const rivals =
            order === 'ready' ? ready : ready.filter(({ outlook }) => outlook.failures === wanted);
          const times = rivals.map(({ readyAtMs }) => readyAtMs);
          expect(rivals).toContain(request);
          expect(request.readyAtMs).toBe(
            order === 'fewest-failures' ? Math.max(...times) : Math.min(...times),
          );
          queue.delete(request);
          left = left.filter((other) => other !== request);
        }
        expect([left, queue.size]).toEqual([[], 0]);
      }),
      { seed: 1, numRuns: 200 },
    );
  });
});

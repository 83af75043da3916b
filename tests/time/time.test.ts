import { getEventListeners } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { CancelScope } from '../../src/time/cancel-scope.js';
import { MAX_TIMER_MS, systemClock } from '../../src/time/clock.js';
import { SignalHub, type SignalMember } from '../../src/time/signal-hub.js';
import { sleep } from '../../src/time/sleep.js';

describe('CancelScope', () => {
  test('aborts its signal first, then notifies each listener once, with the first reason', () => {
    const scope = new CancelScope();
    const order: string[] = [];
    scope.signal.addEventListener('abort', () => order.push('signal'));
    const listeners = ['one', 'two', 'three'].map((name) => ({
      cancel: (reason: Error) => order.push(`${name}: ${reason.message}`),
    }));
    for (const listener of listeners) scope.add(listener);
    scope.delete(listeners[1] as (typeof listeners)[number]);
    scope.cancel(new Error('first'));
    scope.cancel(new Error('second'));
    expect(order).toEqual(['signal', 'one: first', 'three: first']);
    expect(scope.reason?.message).toBe('first');
    expect(scope.signal.reason).toBe(scope.reason);
  });

  test('gives an aborted signal when it is asked for one too late', () => {
    const scope = new CancelScope();
    const reason = new Error('over');
    scope.cancel(reason);
    expect(scope.signal.aborted).toBe(true);
    expect(scope.signal.reason).toBe(reason);
  });

  test('forgets its only listener, and takes back what it never had', () => {
    const scope = new CancelScope();
    const listener = {
      cancel: () => {
        throw new Error('must not be called');
      },
    };
    scope.delete(listener);
    scope.add(listener);
    scope.delete(listener);
    scope.cancel(new Error('x'));
  });
});

describe('SignalHub', () => {
  const member = (log: unknown[]): SignalMember => ({ signalAborted: (reason) => log.push(reason) });

  test('keeps one listener a signal and removes it with the last member', () => {
    const hub = new SignalHub();
    const { signal } = new AbortController();
    const members = [1, 2, 3].map(() => member([]));
    for (const each of members) hub.link(signal, each);
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    for (const each of members) hub.unlink(signal, each);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    hub.unlink(signal, members[0] as SignalMember);
  });

  test('passes the reason to every member, at once when the signal has aborted', () => {
    const hub = new SignalHub();
    const controller = new AbortController();
    const log: unknown[] = [];
    hub.link(controller.signal, member(log));
    hub.link(controller.signal, member(log));
    controller.abort('why');
    expect(log).toEqual(['why', 'why']);
    hub.link(controller.signal, member(log));
    expect(log).toHaveLength(3);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });
});

describe('sleep', () => {
  test('ends on time, or with the reason as soon as it is cancelled', async () => {
    const clock = new FakeClock();
    const point = new CancelScope();
    const asleep = sleep(100, clock, point);
    await clock.advance(100);
    await asleep;
    const disturbed = sleep(100, clock, point);
    const reason = new Error('wake up');
    point.cancel(reason);
    await expect(disturbed).rejects.toBe(reason);
    expect(clock.pendingTimers).toBe(0);
    await expect(sleep(1, clock, point)).rejects.toBe(reason);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('systemClock', () => {
  test('fires once, not before its time, with the argument', async () => {
    const startedAt = systemClock.now();
    const given = await new Promise<string>((resolve) => systemClock.setTimeout(resolve, 15, 'argument'));
    expect(given).toBe('argument');
    expect(systemClock.now() - startedAt).toBeGreaterThanOrEqual(13);
    expect(Math.abs(systemClock.epochMs() - Date.now())).toBeLessThan(1_000);
  });

  test('does not fire at once for what is longer than a timer can hold', async () => {
    let hasFired = false;
    const timer = systemClock.setTimeout(
      () => {
        hasFired = true;
      },
      MAX_TIMER_MS * 2,
      undefined,
    );
    await new Promise((resolve) => setTimeout(resolve, 10));
    systemClock.clearTimeout(timer);
    expect(hasFired).toBe(false);
  });
});

describe('FakeClock', () => {
  test('fires what is due in order of time, then of setting, and what these set in turn', async () => {
    const clock = new FakeClock();
    const order: string[] = [];
    const note = (name: string): void => {
      order.push(`${name} at ${clock.now()}`);
    };
    clock.setTimeout(note, 20, 'c');
    clock.setTimeout(note, 10, 'a');
    clock.setTimeout(note, 10, 'b');
    clock.setTimeout(() => clock.setTimeout(note, 5, 'nested'), 10, undefined);
    const stopped = clock.setTimeout(note, 12, 'never');
    clock.clearTimeout(stopped);
    clock.setTimeout(note, 31, 'later');
    await clock.advance(30);
    expect(order).toEqual(['a at 10', 'b at 10', 'nested at 15', 'c at 20']);
    expect([clock.now(), clock.pendingTimers]).toEqual([30, 1]);
    expect(clock.epochMs()).toBe(Date.UTC(2026, 0, 1) + 30);
    expect(new FakeClock(5).epochMs()).toBe(5);
    await clock.advance(0);
    expect(clock.now()).toBe(30);
  });
});

import { describe, expect, test } from '@jest/globals';
import { laneName } from '../../../src/resilience/lane/lane-name.js';
import type { LaneOptions } from '../../../src/resilience/lane/lane-options.js';
import type { LanePass } from '../../../src/resilience/lane/lane-pass.js';
import { Lanes } from '../../../src/resilience/lane/lanes.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { failedAttempt, passOf } from '../admitted.js';

const SMALL = { inputTokens: 10, outputTokens: 10 };

function lanesOf(options: Partial<LaneOptions> = {}) {
  const clock = new FakeClock();
  return { clock, lanes: new Lanes(clock, () => ({ clock, random: () => 0, ...options })) };
}

function sendOne({ lanes }: ReturnType<typeof lanesOf>, name: string): LanePass {
  const pass = lanes.get(name).tryAcquire(SMALL, 40) as LanePass;
  pass.send();
  return pass;
}

const countOf = ({ lanes }: ReturnType<typeof lanesOf>): number => Object.keys(lanes.stats()).length;

describe('Lanes', () => {
  test('makes each lane once', () => {
    const { lanes } = lanesOf();
    expect(lanes.get('a')).toBe(lanes.get('a'));
    lanes.get('b');
    expect(Object.keys(lanes.stats())).toEqual(['a', 'b']);
  });

  test('forgets idle lanes of which nothing is known: 20,000 names leave few', () => {
    const test = lanesOf();
    for (let name = 0; name < 20_000; name += 1) sendOne(test, `p/${name}`).answered();
    expect(countOf(test)).toBeLessThanOrEqual(256);
  });

  test('keeps lanes with limits for two minutes after their last request, and forgets them then', async () => {
    const test = lanesOf({ limits: { requestsPerMinute: 100 } });
    for (let name = 0; name < 5_000; name += 1) {
      sendOne(test, `p/${name}`).answered();
      if (name % 100 === 99) await test.clock.advance(10_000);
    }
    // 1,200 names are used in two minutes; the others go when twice as many have come.
    expect(countOf(test)).toBeGreaterThanOrEqual(1_200);
    expect(countOf(test)).toBeLessThanOrEqual(2_600);
    await test.clock.advance(120_000);
    for (let name = 0; name < 2_000; name += 1) test.lanes.get(`q/${name}`);
    expect(countOf(test)).toBeLessThanOrEqual(2_000);
  });

  test('forgets lanes of names that only failed too', async () => {
    const test = lanesOf();
    for (let name = 0; name < 5_000; name += 1) {
      sendOne(test, `p/${name}`).failed(failedAttempt('overloaded'));
      if (name % 100 === 99) await test.clock.advance(10_000);
    }
    expect(countOf(test)).toBeLessThanOrEqual(2_600);
  });

  test('keeps lanes in use, stopped ones and those that calls wait for', async () => {
    const test = lanesOf({ limits: { maxConcurrent: 1 } });
    const running = sendOne(test, 'running');
    const waiting = passOf(test.lanes.get('running'), SMALL, 40);
    sendOne(test, 'stopped').failed(failedAttempt('rate-limited', { retryAfterMs: 60_000 }));
    const kept = [test.lanes.get('running'), test.lanes.get('stopped')];
    for (let name = 0; name < 1_000; name += 1) sendOne(test, `p/${name}`).answered();
    expect([test.lanes.get('running'), test.lanes.get('stopped')]).toEqual(kept);
    expect(test.lanes.get('running')).toBe(kept[0]);
    expect(test.lanes.get('stopped')).toBe(kept[1]);
    expect(test.lanes.waiting).toBe(1);
    running.answered();
    (await waiting).release();
    expect(test.lanes.waiting).toBe(0);
  });

  test('names them after provider and model', () => {
    expect(laneName('openai', 'gpt-5')).toBe('openai/gpt-5');
    expect(laneName('command', undefined)).toBe('command');
  });
});

import { afterEach, describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { closeAll } from './traffic-orchestrator.js';
import { call, type OwnScript, play, scene } from './traffic-scenes.js';

afterEach(closeAll);

/** What the call's own script makes of it. */
function ownEnd({ steps, maxRetries }: OwnScript): { outcome: RegExp; attempts: number } {
  const final = steps.findIndex(({ status }) => status === 400);
  const failures = final < 0 ? steps.length : final;
  if (failures > maxRetries) return { outcome: /attempts-used$/, attempts: maxRetries + 1 };
  return { outcome: final < 0 ? /^answer$/ : /not-retryable$/, attempts: failures + 1 };
}

/** How long the call's own backoffs last at most, in milliseconds. */
const backoffsMs = ({ maxRetries }: OwnScript): number => 1_000 * (2 ** maxRetries - 1);

function expectOwnEnds(calls: readonly OwnScript[], { ends, answersMs }: Awaited<ReturnType<typeof play>>) {
  let own = 0;
  for (const [index, script] of calls.entries()) {
    const end = ends[index];
    const expected = ownEnd(script);
    const told = { index, script, end, expected };
    if (end === undefined) throw new Error(`never ended: ${JSON.stringify(told)}`);
    if (end.outcome.endsWith('lane-down')) {
      // Only where nothing was answered for as long as its own retries would have lasted, and it waited as long.
      const fromMs = end.endedAtMs - backoffsMs(script);
      expect({ told, answers: answersMs.filter((atMs) => atMs > fromMs && atMs < end.endedAtMs) }).toEqual({
        told,
        answers: [],
      });
      expect({ told, isEarly: fromMs < script.atMs }).toEqual({ told, isEarly: false });
    } else if (/deadline|TUTTI_RATE_LIMITED/.test(end.outcome)) {
      expect({ told, hasDeadline: script.deadlineMs !== undefined }).toEqual({ told, hasDeadline: true });
    } else {
      own += 1;
      expect({ told, outcome: end.outcome, attempts: end.attempts }).toEqual({
        told,
        outcome: expect.stringMatching(expected.outcome),
        attempts: expected.attempts,
      });
    }
  }
  return own / calls.length;
}

const runs = { seed: 1, numRuns: 80 };

describe('the outcome of a call', () => {
  test('depends on its own script and its own limits, whatever the other calls meet', async () => {
    const shares: number[] = [];
    const calls = fc.array(call, { minLength: 1, maxLength: 60, size: 'max' });
    await fc.assert(
      fc.asyncProperty(scene(calls), async (played) => {
        shares.push(expectOwnEnds(played.calls, await play(played)));
      }),
      runs,
    );
    // Of most calls it says so; the others had deadlines that were nearer than what they met.
    expect(shares.reduce((sum, share) => sum + share, 0) / shares.length).toBeGreaterThan(0.85);
  });

  test('is an answer where its own script is, as long as every second other call is answered at once', async () => {
    const patient = call.map((own) => ({ ...own, deadlineMs: undefined }));
    const calls = fc
      .array(patient, { minLength: 1, maxLength: 30, size: 'max' })
      .map((all) => all.flatMap((own) => [{ ...own, steps: [] }, own]));
    await fc.assert(
      fc.asyncProperty(scene(calls), async (played) => {
        expect(expectOwnEnds(played.calls, await play(played))).toBe(1);
      }),
      runs,
    );
  });
});

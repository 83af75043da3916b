import { afterEach, describe, expect, test } from '@jest/globals';
import { drawScript, type FailureScript, play, type ScriptedEnd, type Stage } from './failure-scripts.js';
import { seeded } from './seeded-random.js';
import { closeAll } from './traffic-orchestrator.js';

afterEach(closeAll);

const random = seeded(200);
const SCRIPTS: FailureScript[] = Array.from({ length: 200 }, () => drawScript(random));

async function playAll(stage: Stage): Promise<ScriptedEnd[]> {
  const ends: ScriptedEnd[] = [];
  for (const script of SCRIPTS) {
    ends.push(await play(script, stage));
    await closeAll();
  }
  return ends;
}

let plainEnds: Promise<ScriptedEnd[]> | undefined;

/** How the scripts end without any option, played once. */
function plain(): Promise<ScriptedEnd[]> {
  plainEnds ??= playAll({});
  return plainEnds;
}

describe('the attempts, waits and errors of 200 failure scripts', () => {
  test('are of every kind', async () => {
    const count = new Map<string, number>();
    for (const { outcome } of await plain()) count.set(outcome, (count.get(outcome) ?? 0) + 1);
    expect([...count.keys()].sort()).toEqual([
      'TUTTI_AGENT_FAILED attempts-used',
      'TUTTI_AGENT_FAILED not-retryable',
      'TUTTI_AGENT_FAILED wait-too-long',
      'TUTTI_CANCELLED cancelled',
      'TUTTI_RETRIES_EXHAUSTED attempts-used',
      'TUTTI_TIMEOUT deadline',
      'answer',
    ]);
    expect(Math.min(...count.values())).toBeGreaterThanOrEqual(5);
  });

  // A function tells no cost, so `perCallUsd` stands in for it.
  const budget = { usd: 1_000_000, perCallUsd: 0.01 };

  test.each<[string, Stage]>([
    ['a budget', { options: { budget } }],
    ["its agent's budget", { definition: { budget } }],
    ["its tenant's budget", { options: { tenant: 'tenant', tenantBudget: budget } }],
    ['a breaker that does not open', { options: { breaker: { minimumCalls: 100 } } }],
    ['a hedge that is never due', { options: { hedge: { afterMs: 3_600_000 } } }],
    ['a hedge by latencies', { options: { hedge: { percentile: 99 } } }],
  ])('are the same under %s', async (_, stage) => {
    expect(await playAll(stage)).toEqual(await plain());
  });

  // A lane decides when a retry is sent: where the provider demands a wait it is stopped, and a call's last attempt is
  // not the one that finds out whether it works again. Nothing else may differ, the end of the call least of all.
  test.each<[string, Stage]>([
    ['limits', { options: { limits: { maxConcurrent: 5 } }, answersBefore: 16 }],
    ['a rate limit', { options: { limits: { requestsPerMinute: 1_000 } }, answersBefore: 16 }],
    [
      'limits, budget, breaker and hedge',
      {
        options: {
          limits: { maxConcurrent: 5 },
          budget,
          breaker: { minimumCalls: 100 },
          hedge: { afterMs: 3_600_000 },
        },
        answersBefore: 16,
      },
    ],
  ])('are the same under %s, but for the times of retries after a demanded wait', async (_, stage) => {
    const [all, ends] = [await plain(), await playAll(stage)];
    const isTold = ({ steps }: FailureScript): boolean =>
      steps.some(({ retryAfterMs }) => retryAfterMs !== undefined);
    for (const [index, script] of SCRIPTS.entries()) {
      const [expected, end] = [all[index], ends[index]] as [ScriptedEnd, ScriptedEnd];
      const told = { ...expected, arrivalsMs: end.arrivalsMs, endedAtMs: end.endedAtMs };
      expect({ script, end }).toEqual({ script, end: isTold(script) ? told : expected });
      for (const [attempt, { latencyMs, retryAfterMs = 0 }] of script.steps.entries()) {
        const [atMs = 0, nextMs = Infinity] = end.arrivalsMs.slice(attempt);
        expect(nextMs).toBeGreaterThanOrEqual(
          atMs + Math.min(latencyMs, 30_000) + (latencyMs > 30_000 ? 0 : retryAfterMs),
        );
      }
    }
  });

  test('are the same in a lane that has never answered, but for their times', async () => {
    const [all, ends] = [await plain(), await playAll({ options: { limits: { maxConcurrent: 5 } } })];
    const withoutTimes = ({ attempts, outcome, message }: ScriptedEnd) => ({ attempts, outcome, message });
    expect(ends.map(withoutTimes)).toEqual(all.map(withoutTimes));
  });

  test('are the same with a fallback until the call moves on: when it has failed, or would wait long', async () => {
    const [all, ends] = [await plain(), await playAll({ definition: { fallbacks: ['other'] } })];
    let moved = 0;
    for (const [index, script] of SCRIPTS.entries()) {
      const [expected, end] = [all[index], ends[index]] as [ScriptedEnd, ScriptedEnd];
      if (end.outcome !== 'from the other') {
        expect({ script, end }).toEqual({ script, end: expected });
        continue;
      }
      moved += 1;
      const tried = end.arrivalsMs.length;
      expect({ script, arrivalsMs: end.arrivalsMs }).toEqual({
        script,
        arrivalsMs: expected.arrivalsMs.slice(0, tried),
      });
      // Longer than maxDelayMs is not waited for where another can answer meanwhile.
      const mustWaitLong = (script.steps[tried - 1]?.retryAfterMs ?? 0) > 30_000;
      const hasFailed = /attempts-used|wait-too-long|deadline/.test(expected.outcome);
      expect({ script, moves: mustWaitLong || (hasFailed && tried === expected.arrivalsMs.length) }).toEqual({
        script,
        moves: true,
      });
    }
    expect(moved).toBeGreaterThan(30);
  });
});

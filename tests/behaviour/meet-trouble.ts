import { jest } from '@jest/globals';
import type { CallOutcome } from '../../src/contracts/result.js';
import type { AsyncOrchestratorOptions } from '../../src/orchestrator/options.js';
import { httpError } from './scripted-agents.js';
import { seeded } from './seeded-random.js';
import { type Asked, openWith, Service } from './traffic-orchestrator.js';

/** What a service does with a request: the call's attempt, from 1, and the time since the start, in milliseconds. */
export type Script = (request: { attempt: number; call: number; atMs: number }) => void;

/** Calls that begin together, and what they meet. */
export interface Trouble {
  readonly calls: number;
  readonly limit: number;
  /** How long a request takes. The time of a script is that of its end. @default 50 */
  readonly latencyMs?: number | ((asked: Asked) => number);
  readonly script: Script;
  readonly options?: Partial<AsyncOrchestratorOptions>;
  /** How long it is waited for, in milliseconds. */
  readonly patienceMs?: number;
}

/** Lets the calls meet the trouble, on a clock moved by hand. Limits give the function a lane of its own. */
export async function meet({ calls, limit, latencyMs = 50, script, options, patienceMs = 60_000 }: Trouble) {
  jest.spyOn(Math, 'random').mockImplementation(seeded(7));
  const attempts = new Map<string, number>();
  const outcomeOf = ({ task, atMs }: Asked): string => {
    const attempt = (attempts.get(task) ?? 0) + 1;
    attempts.set(task, attempt);
    script({ attempt, call: Number(task), atMs });
    return 'answer';
  };
  const service = new Service(outcomeOf, latencyMs);
  const { orchestrator, clock } = openWith([service], {
    agents: [service.agent('agent')],
    maxConcurrent: limit,
    limits: { maxConcurrent: 1_000 },
    ...options,
  });
  let endedAtMs = 0;
  const run = orchestrator.executeMultiple(
    Array.from({ length: calls }, (_, call) => ['agent', String(call)] as const),
    { onProgress: () => (endedAtMs = clock.now()) },
  );
  let outcomes: CallOutcome[] | undefined;
  void run.then((all) => (outcomes = all as CallOutcome[]));
  for (let atMs = 0; atMs < patienceMs && outcomes === undefined; atMs += 100) await clock.advance(100);
  if (outcomes === undefined) throw new Error(`not over after ${patienceMs} ms`);
  const answered = outcomes.filter(({ success }) => success).length;
  return { service, orchestrator, outcomes, answered, endedAtMs };
}

/** Fails the first attempts of every call. */
export const failsFirst =
  (times: number, status: number, more: { retryAfterMs?: number } = {}): Script =>
  ({ attempt }) => {
    if (attempt <= times) throw httpError(status, more);
  };

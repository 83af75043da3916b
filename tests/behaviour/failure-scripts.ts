import { jest } from '@jest/globals';
import type { AgentDefinition } from '../../src/contracts/agent.js';
import type { CallOutcome } from '../../src/contracts/result.js';
import type { AsyncOrchestratorOptions } from '../../src/orchestrator/options.js';
import { httpError } from './scripted-agents.js';
import { openWith, Service } from './traffic-orchestrator.js';

/** What a service does with one attempt: answers it or fails it, after `latencyMs`. */
export interface ScriptStep {
  readonly latencyMs: number;
  readonly status?: number | undefined;
  /** A Node error code in place of a status. */
  readonly code?: string | undefined;
  readonly retryAfterMs?: number | undefined;
}

/** What one call meets, attempt after attempt; what comes after the last step is answered. */
export interface FailureScript {
  readonly steps: readonly ScriptStep[];
  readonly maxRetries: number;
  readonly deadlineMs?: number | undefined;
  /** The deadline of its run. */
  readonly runDeadlineMs?: number | undefined;
  readonly abortAtMs?: number | undefined;
}

/** What became of a call: the times are since it was made. */
export interface ScriptedEnd {
  readonly arrivalsMs: readonly number[];
  readonly endedAtMs: number;
  readonly attempts: number;
  /** `answer`, or the error's code with the reason. */
  readonly outcome: string;
  readonly message: string;
}

const STATUSES = [429, 429, 500, 503, 503, 529, 408, 409, 400, 401, 422] as const;
const CODES = ['ECONNREFUSED', 'ECONNRESET'] as const;

/** A script drawn with these random numbers. */
export function drawScript(random: () => number): FailureScript {
  const below = (limit: number): number => Math.floor(random() * limit);
  const upTo = (mostMs: number): number => Math.round(Math.exp(random() * Math.log(mostMs)));
  const step = (): ScriptStep => {
    // One in twelve outlasts timeoutMs.
    const latencyMs = random() < 0.08 ? 40_000 : upTo(2_000);
    const kind = random();
    if (kind < 0.15) return { latencyMs };
    if (kind < 0.3) return { latencyMs, code: CODES[below(2)] };
    const status = STATUSES[below(STATUSES.length)];
    const isTold = random() < 0.4;
    return { latencyMs, status, retryAfterMs: isTold ? (random() < 0.1 ? 0 : upTo(3_600_000)) : undefined };
  };
  return {
    steps: Array.from({ length: 1 + below(5) }, step),
    maxRetries: below(5),
    deadlineMs: random() < 0.3 ? upTo(100_000) : undefined,
    runDeadlineMs: random() < 0.2 ? upTo(100_000) : undefined,
    abortAtMs: random() < 0.2 ? upTo(20_000) : undefined,
  };
}

/** Does what the script says of an attempt. */
export function perform(step: ScriptStep | undefined): string {
  if (step?.code !== undefined) throw Object.assign(new Error(step.code), { code: step.code });
  if (step?.status === undefined) return 'answer';
  throw httpError(step.status, step.retryAfterMs === undefined ? {} : { retryAfterMs: step.retryAfterMs });
}

/** The outcome in a word or two. */
export function describeOutcome(outcome: CallOutcome): string {
  if (outcome.success) return outcome.output;
  return `${outcome.error.code} ${String(outcome.error.details.endedBecause)}`;
}

/** Settings under which a script is played. */
export interface Stage {
  readonly options?: Partial<AsyncOrchestratorOptions>;
  readonly definition?: Partial<AgentDefinition>;
  /** Answers that the service has given before. */
  readonly answersBefore?: number;
}

/** Plays the script with a function agent on a clock of its own, until long after its end. Nothing is random. */
export async function play(script: FailureScript, stage: Stage = {}): Promise<ScriptedEnd> {
  const { options, definition, answersBefore = 0 } = stage;
  const isBefore = (task: string): boolean => task === 'before';
  let attempts = 0;
  const nextStep = (): ScriptStep | undefined => script.steps[attempts++];
  const steps = new Map<number, ScriptStep | undefined>();
  const service = new Service(
    ({ index }) => perform(steps.get(index)),
    ({ task, index }) => {
      const step = isBefore(task) ? undefined : nextStep();
      steps.set(index, step);
      return step?.latencyMs ?? 10;
    },
  );
  const random = jest.spyOn(Math, 'random').mockReturnValue(0);
  const { orchestrator, clock } = openWith([service], {
    agents: [service.agent('agent', definition), { name: 'other', run: () => 'from the other' }],
    retry: { jitter: 'none' },
    ...options,
  });
  for (let answer = 0; answer < answersBefore; answer += 1) {
    const call = orchestrator.execute('agent', 'before');
    await clock.advance(1_000);
    await call;
  }
  const startMs = clock.now();
  let endedAtMs = startMs;
  const controller = new AbortController();
  const { maxRetries, deadlineMs, runDeadlineMs, abortAtMs } = script;
  if (abortAtMs !== undefined) clock.setTimeout(() => controller.abort(), abortAtMs, undefined);
  const task = { agent: 'agent', task: 'task', maxRetries, deadlineMs, signal: controller.signal };
  const run = orchestrator.executeMultiple([task], {
    deadlineMs: runDeadlineMs,
    onProgress: ({ result }) => {
      if (result !== undefined) endedAtMs = clock.now();
    },
  });
  await clock.advance(20_000_000);
  const [outcome] = (await run) as [CallOutcome];
  random.mockRestore();
  return {
    arrivalsMs: service.asked.filter(({ task }) => !isBefore(task)).map(({ atMs }) => atMs - startMs),
    endedAtMs: endedAtMs - startMs,
    attempts: outcome.attempts,
    outcome: describeOutcome(outcome),
    message: outcome.success ? '' : outcome.error.message,
  };
}

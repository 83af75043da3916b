// Five ways to run the same agent over the same tasks. `submit(task)` gives a promise of its answer; `runAll(tasks)`
// runs them all. Every protected one has a timeout of 30 s and would make two retries.
import pLimit from 'p-limit';
import PQueue from 'p-queue';
import pRetry from 'p-retry';
import pTimeout from 'p-timeout';
import { AsyncOrchestrator, EVENT_NAMES } from '../../dist/index.js';

const TIMEOUT_MS = 30_000;
const RETRIES = 2;

/** Makes a contender: `make(agent, limit)`. */
export const contenders = {
  workers,
  composition,
  'p-queue': queue,
  'execute()': (agent, limit) => single(observed(agent, limit)),
  'execute(), without listeners': (agent, limit) => single(orchestrate(agent, limit)),
  'executeMultiple()': multiple,
};

/** A loop of N workers over the list: no timeout, no retry, no cancellation. The floor. */
function workers(agent, limit) {
  const runAll = async (tasks) => {
    let next = 0;
    const work = async () => {
      while (next < tasks.length) await agent(tasks[next++]);
    };
    await Promise.all(Array.from({ length: limit }, work));
  };
  return { runAll };
}

/** What one writes by hand: p-limit around p-retry around p-timeout, an AbortController for each call. */
function composition(agent, limit) {
  const limited = pLimit(limit);
  const attempt = (task) => {
    const controller = new AbortController();
    return pTimeout(agent(task, { signal: controller.signal }), { milliseconds: TIMEOUT_MS }).catch(
      (error) => {
        controller.abort(error);
        throw error;
      },
    );
  };
  const submit = (task) => limited(() => pRetry(() => attempt(task), { retries: RETRIES }));
  return { submit, runAll: (tasks) => Promise.all(tasks.map(submit)) };
}

/** p-queue with its own timeout; it has no retries. */
function queue(agent, limit) {
  const jobs = new PQueue({ concurrency: limit, timeout: TIMEOUT_MS });
  const submit = (task) => jobs.add(({ signal }) => agent(task, { signal }));
  return { submit, runAll: (tasks) => Promise.all(tasks.map(submit)) };
}

/** `execute()` for each task, with a timeout, statistics (always on) and, where observed, a listener on every event. */
function single(orchestrator) {
  const submit = (task) => orchestrator.execute('agent', task);
  return { submit, runAll: (tasks) => Promise.all(tasks.map(submit)) };
}

/** `executeMultiple()` over all tasks, likewise. */
function multiple(agent, limit) {
  const orchestrator = observed(agent, limit);
  const runAll = async (tasks) => {
    const results = await orchestrator.executeMultiple(tasks.map((task) => ['agent', task]));
    if (results.length !== tasks.length) throw new Error('a result is missing');
  };
  return { runAll };
}

function orchestrate(agent, limit) {
  return new AsyncOrchestrator({
    agents: { agent },
    maxConcurrent: limit,
    timeoutMs: TIMEOUT_MS,
    maxRetries: RETRIES,
  });
}

function observed(agent, limit) {
  const orchestrator = orchestrate(agent, limit);
  for (const name of EVENT_NAMES) orchestrator.on(name, () => {});
  return orchestrator;
}

// Ways to make many calls that resolve immediately. Each is given their number and prepares the run that is measured.
import pLimit from 'p-limit';
import { AsyncOrchestrator } from '../../dist/index.js';

const LIMIT = 10;
/** Calls that are submitted with execute() before the first one is awaited. */
const SUBMITTED_AT_ONCE = 100_000;

export const ways = {
  'p-limit, nothing else': (agent) => {
    const limited = pLimit(LIMIT);
    return (calls) => () =>
      Promise.all(Array.from({ length: calls }, (_, index) => limited(agent, `task ${index}`)));
  },
  'execute()': (agent) => {
    const orchestrator = open(agent);
    return (calls) => async () => {
      for (let done = 0; done < calls; done += SUBMITTED_AT_ONCE) await submitMany(orchestrator);
    };
  },
  'executeMultiple(), an array': (agent) => multiple(agent, undefined),
  'executeMultiple(), an array in reverse order of priority': (agent) => multiple(agent, (index) => index),
  'executeEach(), a generator': (agent) => each(open(agent), (calls) => tasks(calls)),
  'executeEach(), an async generator': (agent) => each(open(agent), (calls) => tasksLater(calls)),
  'executeEach(), hits in memory': (agent) =>
    each(open(agent, { cache: true }), (calls) => tasks(calls, 'the same')),
  'executeEach(), refused tasks': (agent) => each(open(agent), (calls) => tasks(calls, '')),
};

function open(agent, options) {
  return new AsyncOrchestrator({ agents: { agent }, maxConcurrent: LIMIT, ...options });
}

function multiple(agent, priorityOf) {
  const orchestrator = open(agent);
  return (calls) => {
    const list = Array.from({ length: calls }, (_, index) =>
      priorityOf === undefined
        ? ['agent', `task ${index}`]
        : { agent: 'agent', task: `task ${index}`, priority: priorityOf(index) },
    );
    return () => orchestrator.executeMultiple(list);
  };
}

function each(orchestrator, source) {
  return (calls) => async () => {
    let settled = 0;
    for await (const { index } of orchestrator.executeEach(source(calls))) if (index >= 0) settled += 1;
    if (settled !== calls) throw new Error('an outcome is missing');
  };
}

/** Submitting is the caller's own work: it is spread over many turns, and what is measured is what follows. */
async function submitMany(orchestrator) {
  const submitted = [];
  while (submitted.length < SUBMITTED_AT_ONCE) {
    submitted.push(orchestrator.execute('agent', `task ${submitted.length}`));
    if (submitted.length % 200 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(submitted);
}

function* tasks(calls, task) {
  for (let index = 0; index < calls; index += 1) yield ['agent', task ?? `task ${index}`];
}

async function* tasksLater(calls) {
  yield* tasks(calls);
}

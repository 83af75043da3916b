// The core's figures: what is measured, how often, and the bar each has to hold.
import { measure } from '../child.mjs';
import { median } from '../statistics.mjs';

const OURS = ['execute()', 'executeMultiple()'];
const CONTENDERS = ['workers', 'composition', 'p-queue', ...OURS];
const LIMITS = [10, 100];
const LOADS = [
  {
    title: '10,000 calls that resolve immediately',
    agent: 'atOnce',
    calls: 10_000,
    warmUpCalls: 60_000,
    samples: 5,
  },
  {
    title: '100,000 calls that resolve immediately',
    agent: 'atOnce',
    calls: 100_000,
    warmUpCalls: 60_000,
    samples: 2,
  },
  {
    title: '1,000 calls that take 1 ms',
    agent: 'oneMillisecond',
    calls: 1_000,
    warmUpCalls: 1_000,
    samples: 5,
  },
];

const MAX_COST_RATIO = 0.5;
const MAX_WAITING_RATIO = 0.5;
const MAX_UNREAD_BYTES = 64;
const MAX_GROWTH = 1.3;
const MAX_WALL_MS = 1_050;
/** 40 ms where zod alone takes 41. */
const MAX_START_RATIO = 40 / 41;
const MAX_START_KB = 150;
const MAX_HOLD_MS = 10;

/** Ways to make a million calls that resolve immediately. */
const HOLDING = 'p-limit, nothing else';
const HELD_LOOP = [
  HOLDING,
  'execute()',
  'executeMultiple(), an array',
  'executeMultiple(), an array in reverse order of priority',
  'executeEach(), a generator',
  'executeEach(), an async generator',
  'executeEach(), hits in memory',
  'executeEach(), refused tasks',
];

/** Numbers as the tables show them. */
const show = (value, unit, digits = 2) => `${value.toFixed(digits)} ${unit}`.trim();
const times = (ratio) => `${ratio.toFixed(2)} ×`;

/** A figure with a bar: `{ text, limit, holds }`. */
const barred = (value, most, text, limit) => ({ text, limit: `≤ ${limit}`, holds: value <= most });
const unbarred = (text) => ({ text, limit: '', holds: undefined });

/** Runs every measurement `rounds` times, taking turns, so that a busy moment of the machine does not meet one alone. */
async function inTurns(rounds, measurements) {
  const values = new Map(measurements.map(({ key }) => [key, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const { key, script, parameters } of measurements) {
      values.get(key).push(await measure(script, parameters));
    }
  }
  return values;
}

/** Microseconds a call against the other ways to do it. */
async function throughput({ rounds }) {
  const sections = [];
  for (const { title, ...load } of LOADS) {
    for (const limit of LIMITS) {
      const measured = await inTurns(
        rounds,
        CONTENDERS.map((contender) => ({
          key: contender,
          script: 'core/throughput.mjs',
          parameters: { contender, limit, ...load },
        })),
      );
      const hand = median(measured.get('composition'));
      const rows = CONTENDERS.map((contender) => {
        const value = median(measured.get(contender));
        const ratio = value / hand;
        const isBarred = OURS.includes(contender) && load.agent === 'atOnce';
        return {
          name: contender,
          value: show(value, 'µs a call'),
          figure: isBarred
            ? barred(ratio, MAX_COST_RATIO, times(ratio), times(MAX_COST_RATIO))
            : unbarred(times(ratio)),
        };
      });
      sections.push({ title: `${title}, maxConcurrent ${limit}`, against: 'to the composition', rows });
    }
  }
  return sections;
}

/** Bytes for each call that waits, and for each task that is not read yet. */
async function memory({ rounds }) {
  const waiting = ['composition', 'p-queue', 'execute(), without listeners', 'execute()'];
  const measured = await inTurns(
    rounds,
    waiting.map((contender) => ({
      key: contender,
      script: 'core/waiting-memory.mjs',
      parameters: { contender, calls: 100_000 },
    })),
  );
  const hand = median(measured.get('composition'));
  const rows = waiting.map((contender) => {
    const value = median(measured.get(contender));
    const ratio = value / hand;
    return {
      name: `waiting call, ${contender}`,
      value: show(value, 'bytes', 0),
      figure: contender.startsWith('execute()')
        ? barred(ratio, MAX_WAITING_RATIO, times(ratio), times(MAX_WAITING_RATIO))
        : unbarred(times(ratio)),
    };
  });
  return [{ title: 'Memory, 100,000 calls at maxConcurrent 10', against: 'to the composition', rows }];
}

async function unread({ rounds }) {
  const sources = { array: 'an array', generator: 'a generator' };
  const measured = await inTurns(
    rounds,
    Object.keys(sources).map((source) => ({
      key: source,
      script: 'core/unread-memory.mjs',
      parameters: { source, tasks: 100_000 },
    })),
  );
  const rows = Object.entries(sources).map(([source, name]) => {
    const value = median(measured.get(source));
    const text = show(value, 'bytes', 1);
    return {
      name: `unread task of ${name}`,
      value: text,
      figure: barred(value, MAX_UNREAD_BYTES, text, '64 bytes'),
    };
  });
  return [{ title: 'Memory, executeMultiple() with 100,000 tasks, ten running', against: 'figure', rows }];
}

/** Whether a call costs the same among many. */
async function growth({ rounds }) {
  const measured = await inTurns(
    rounds,
    ['composition', ...OURS].map((contender) => ({
      key: contender,
      script: 'core/growth.mjs',
      parameters: { contender, few: 1_000, many: 100_000, rounds: 3 },
    })),
  );
  const rows = ['composition', ...OURS].map((contender) => {
    const runs = measured.get(contender);
    const small = median(runs.map((run) => run.small));
    const large = median(runs.map((run) => run.large));
    const ratio = median(runs.map((run) => run.large / run.small));
    return {
      name: contender,
      value: `${small.toFixed(2)} → ${large.toFixed(2)} µs a call`,
      figure: OURS.includes(contender)
        ? barred(ratio, MAX_GROWTH, times(ratio), times(MAX_GROWTH))
        : unbarred(times(ratio)),
    };
  });
  return [{ title: 'Growth from 1,000 to 100,000 calls', against: 'ratio', rows }];
}

/** Whether agents really run at once. */
async function wallTime({ rounds }) {
  const counts = [3, 10];
  const measured = await inTurns(
    rounds,
    counts.map((agents) => ({
      key: agents,
      script: 'core/wall-time.mjs',
      parameters: { agents, limit: 10 },
    })),
  );
  const rows = counts.map((agents) => {
    const value = median(measured.get(agents));
    const text = show(value, 'ms', 0);
    return {
      name: `${agents} agents of 1 s`,
      value: text,
      figure: barred(value, MAX_WALL_MS, text, '1050 ms'),
    };
  });
  return [{ title: 'Agents at once, maxConcurrent 10', against: 'figure', rows }];
}

/** How long timers and sockets have to wait at a time, and what letting them costs. */
async function heldLoop({ rounds }) {
  const measured = await inTurns(
    rounds,
    HELD_LOOP.map((way) => ({
      key: way,
      script: 'core/longest-hold.mjs',
      parameters: { way, calls: 1_000_000, warmUpCalls: 100_000 },
    })),
  );
  const middle = (way, kind) => median(measured.get(way).map((run) => run[kind]));
  const rows = HELD_LOOP.map((way) => {
    const cost = middle(way, 'microseconds');
    const text = `${show(cost, 'µs a call')}, ${times(cost / middle(HOLDING, 'microseconds'))}`;
    const held = middle(way, 'processorMs');
    return {
      name: way,
      value: `${show(held, 'ms', 1)} (${show(middle(way, 'passedMs'), 'ms', 1)} passed)`,
      figure: way === HOLDING ? unbarred(text) : barred(held, MAX_HOLD_MS, text, `${MAX_HOLD_MS} ms`),
    };
  });
  return [
    {
      title: 'Longest hold of the event loop, 1,000,000 calls that resolve immediately',
      against: 'cost, to p-limit',
      rows,
    },
  ];
}

/** What a new process pays before its first answer, beside what importing zod alone costs. */
async function coldStart({ coldStarts }) {
  const measured = await inTurns(
    coldStarts,
    ['nothing', 'zod', 'import', 'first call'].map((until) => ({
      key: until,
      script: 'core/cold-start.mjs',
      parameters: { until },
    })),
  );
  const msUntil = (key) => median(measured.get(key).map((run) => run.ms));
  const nodeMs = median([...measured.values()].flat().map((run) => run.nodeMs));
  const ratio = msUntil('first call') / msUntil('zod');
  const bytes = await measure('core/start-size.mjs', {});
  const size = show(bytes / 1_000, 'kB', 1);
  const row = (name, value, figure) => ({ name, value: show(value, 'ms', 1), figure });
  const rows = [
    row('Node itself, in none of the others', nodeMs, unbarred('')),
    row('an empty script', msUntil('nothing'), unbarred('')),
    row('importing zod', msUntil('zod'), unbarred('')),
    row('importing tutti', msUntil('import'), unbarred(times(msUntil('import') / msUntil('zod')))),
    row(
      'importing tutti, new, first call',
      msUntil('first call'),
      barred(ratio, MAX_START_RATIO, times(ratio), times(MAX_START_RATIO)),
    ),
    {
      name: 'code that is read, minified',
      value: size,
      figure: barred(bytes / 1_000, MAX_START_KB, size, `${MAX_START_KB} kB`),
    },
  ];
  return [{ title: 'Cold start', against: 'to zod', rows }];
}

/** Every group of figures, in the order in which they are measured and shown. */
export const groups = [throughput, memory, unread, growth, heldLoop, wallTime, coldStart];

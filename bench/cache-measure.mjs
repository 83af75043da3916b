// Medians of repeated rounds, contenders taking turns, so that a busy machine slows all of them alike.

/** Microseconds per call of each contender: the median over the rounds. */
export async function compare(contenders, { calls, rounds = 11, warmUp = 2 }) {
  const times = new Map(Object.keys(contenders).map((name) => [name, []]));
  for (let round = -warmUp; round < rounds; round += 1) {
    for (const [name, call] of Object.entries(contenders)) {
      const startedMs = performance.now();
      for (let index = 0; index < calls; index += 1) await call(index);
      if (round >= 0) times.get(name).push(((performance.now() - startedMs) * 1_000) / calls);
    }
  }
  return new Map([...times].map(([name, list]) => [name, median(list)]));
}

export function median(list) {
  const sorted = [...list].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

/** Microseconds that 99 of 100 calls took at most, each timed on its own: the median over the rounds. */
export async function p99Us(call, { calls, rounds = 7 }) {
  const found = [];
  for (let round = -1; round < rounds; round += 1) {
    const times = new Float64Array(calls);
    for (let index = 0; index < calls; index += 1) {
      const startedMs = performance.now();
      await call(index);
      times[index] = (performance.now() - startedMs) * 1_000;
    }
    if (round >= 0) found.push(times.sort()[Math.floor(calls * 0.99)]);
  }
  return median(found);
}

export function print(title, medians, floor) {
  console.log(`\n${title}`);
  for (const [name, us] of medians) {
    const ratio = floor === undefined ? '' : `${(us / medians.get(floor)).toFixed(2)} x`;
    console.log(`  ${name.padEnd(44)}${us.toFixed(2).padStart(10)} us   ${ratio}`);
  }
}

let failures = 0;

/** One line of what was promised: what was measured beside the limit. */
export function check(what, value, limit, unit = 'x') {
  const isMet = value <= limit;
  if (!isMet) failures += 1;
  console.log(
    `  ${isMet ? 'met   ' : 'MISSED'} ${what}: ${value.toFixed(2)} ${unit} (at most ${limit} ${unit})`,
  );
}

export function checkAtLeast(what, value, limit, unit = 'x') {
  const isMet = value >= limit;
  if (!isMet) failures += 1;
  console.log(
    `  ${isMet ? 'met   ' : 'MISSED'} ${what}: ${value.toFixed(2)} ${unit} (at least ${limit} ${unit})`,
  );
}

export const missed = () => failures;

/** The longest time the event loop stood still while the work ran, in milliseconds. */
export async function longestPauseMs(work) {
  let longest = 0;
  let lastMs = performance.now();
  let isRunning = true;
  const beat = () => {
    const nowMs = performance.now();
    longest = Math.max(longest, nowMs - lastMs);
    lastMs = nowMs;
    if (isRunning) setImmediate(beat);
  };
  setImmediate(beat);
  await work();
  isRunning = false;
  await new Promise((resolve) => setImmediate(resolve));
  return longest;
}

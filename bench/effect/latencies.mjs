// Times of single calls, with percentiles, and the lines that are printed of them.

/** The times in milliseconds that 50, 95 and 99 of 100 calls took at most. */
export function percentiles(timesMs) {
  const sorted = Float64Array.from(timesMs).sort();
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)];
  return { calls: sorted.length, p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99) };
}

/** Makes the call again and again, one at a time. */
export async function timeEach(calls, call) {
  const timesMs = [];
  for (let index = 0; index < calls; index += 1) {
    const startedMs = performance.now();
    await call(index);
    timesMs.push(performance.now() - startedMs);
  }
  return percentiles(timesMs);
}

/** Microseconds of processor time for each call, that of the garbage collection included. */
export async function processorUs(calls, call) {
  const before = process.cpuUsage();
  for (let index = 0; index < calls; index += 1) await call(index);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / calls;
}

/** What was measured and promised, printed as it comes. */
export class Report {
  figures = [];
  missed = [];
  #section = '';

  section(title) {
    this.#section = title;
    console.log(`\n${title}`);
  }

  /** A line of percentiles. */
  times(name, times) {
    this.#add({ name, ...times });
    const shown = [times.p50Ms, times.p95Ms, times.p99Ms].map((ms) => ms.toFixed(ms < 1 ? 4 : 1));
    console.log(`  ${name.padEnd(54)}p50 ${shown[0]}  p95 ${shown[1]}  p99 ${shown[2]} ms`);
  }

  /** A line of one figure. */
  figure(name, value, unit = '') {
    this.#add({ name, value, unit });
    console.log(`  ${name.padEnd(54)}${value.toFixed(value < 10 ? 3 : 1)} ${unit}`);
  }

  atMost(name, value, limit, unit) {
    this.#bar(name, value, value <= limit, `at most ${limit}`, unit);
  }

  atLeast(name, value, limit, unit) {
    this.#bar(name, value, value >= limit, `at least ${limit}`, unit);
  }

  #bar(name, value, holds, limit, unit = '') {
    this.#add({ name, value, unit, limit, holds });
    if (!holds) this.missed.push(`${this.#section}: ${name}`);
    console.log(
      `  ${holds ? 'met   ' : 'MISSED'} ${name}: ${value.toFixed(value < 10 ? 3 : 1)} ${unit} (${limit})`,
    );
  }

  #add(figure) {
    this.figures.push({ section: this.#section, ...figure });
  }
}

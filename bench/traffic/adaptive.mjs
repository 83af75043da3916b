// Two ways to find a hidden capacity, on a simulated service (no real time passes): the additive increase and
// multiplicative decrease that tutti uses, and a latency gradient in the manner of Netflix's concurrency-limits.
//
//   npm run build && node bench/traffic/adaptive.mjs
import { AdaptiveConcurrency } from '../../dist/resilience/adaptive-concurrency.js';
import { seeded } from './workload.mjs';

const TOTAL_MS = 60_000;

/** limit × (long-term latency / latest latency) + sqrt(limit), smoothed; a rejection cuts by a tenth. */
class LatencyGradient {
  limit = 10;
  #limit = 10;
  #longMs = undefined;
  started() {
    return 0;
  }
  succeeded(_request, inFlight, latencyMs) {
    this.#longMs = this.#longMs === undefined ? latencyMs : this.#longMs * 0.99 + latencyMs * 0.01;
    if (inFlight * 2 < this.#limit) return;
    const gradient = Math.max(0.5, Math.min(1, (1.5 * this.#longMs) / latencyMs));
    const wanted = this.#limit * gradient + Math.sqrt(this.#limit);
    this.#limit = Math.max(1, 0.98 * this.#limit + 0.02 * wanted);
    this.limit = Math.floor(this.#limit);
  }
  overloaded() {
    this.#limit = Math.max(1, this.#limit * 0.9);
    this.limit = Math.floor(this.#limit);
  }
}

/** Runs a saturated client against a capacity of 16, then 4, then 16; events in order of time. */
function simulate(strategy, spread, meanMs) {
  const random = seeded(19);
  const normal = () => Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());
  let nowMs = 0;
  let inFlight = 0;
  let working = 0;
  const figures = { requests: 0, rejections: 0, answers: 0, nearMs: 0, watchedMs: 0 };
  const events = [];
  const capacityAt = (atMs) => (atMs >= 20_000 && atMs < 40_000 ? 4 : 16);
  const launch = () => {
    while (inFlight < strategy.limit) {
      inFlight += 1;
      figures.requests += 1;
      const isAccepted = working < capacityAt(nowMs);
      if (isAccepted) working += 1;
      const latencyMs = isAccepted ? meanMs * Math.exp(spread * normal() - (spread * spread) / 2) : 5;
      events.push({ atMs: nowMs + latencyMs, isAccepted, latencyMs, request: strategy.started() });
    }
  };
  launch();
  while (nowMs < TOTAL_MS) {
    let next = 0;
    for (let index = 1; index < events.length; index += 1)
      if (events[index].atMs < events[next].atMs) next = index;
    const [event] = events.splice(next, 1);
    // Watched from ten seconds after each step on.
    if (nowMs % 20_000 >= 10_000) {
      figures.watchedMs += event.atMs - nowMs;
      if (Math.abs(working - capacityAt(nowMs)) <= 2) figures.nearMs += event.atMs - nowMs;
    }
    nowMs = event.atMs;
    if (event.isAccepted) {
      figures.answers += 1;
      strategy.succeeded(event.request, inFlight, event.latencyMs);
      working -= 1;
    } else {
      figures.rejections += 1;
      strategy.overloaded(event.request);
    }
    inFlight -= 1;
    launch();
  }
  return figures;
}

console.log(
  'Capacity 16, 4, 16 for 20 s each. "Near" is the share of the last 10 s of each within 2 of it.\n',
);
console.log('strategy              spread  mean ms     near    429s   answers');
for (const meanMs of [100, 200]) {
  for (const spread of [0.2, 0.5, 1]) {
    for (const [name, make] of [
      ['AIMD', () => new AdaptiveConcurrency()],
      ['latency gradient', () => new LatencyGradient()],
    ]) {
      const { requests, rejections, answers, nearMs, watchedMs } = simulate(make(), spread, meanMs);
      const cells = [
        name.padEnd(20),
        spread.toFixed(1).padStart(8),
        String(meanMs).padStart(9),
        `${((100 * nearMs) / watchedMs).toFixed(1)} %`.padStart(9),
        `${((100 * rejections) / requests).toFixed(2)} %`.padStart(8),
        String(answers).padStart(10),
      ];
      console.log(cells.join(''));
    }
  }
}

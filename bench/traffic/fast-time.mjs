// Makes this process live `scale` times as fast: its timers fire earlier and its clocks run ahead. A limit a minute
// can then be measured in seconds, and every client's own waits, also those that no option reaches, shrink alike.
// What is not scaled is the work of the processor: to a client it seems `scale` times as slow.
export function speedUpTime(scale) {
  const realSetTimeout = globalThis.setTimeout;
  const realNow = performance.now.bind(performance);
  const RealDate = globalThis.Date;
  const startMs = realNow();
  const startEpochMs = RealDate.now();
  const fastNow = () => startMs + (realNow() - startMs) * scale;
  const fastEpochMs = () => startEpochMs + (fastNow() - startMs);
  globalThis.setTimeout = Object.assign(
    (callback, delayMs = 0, ...rest) => realSetTimeout(callback, delayMs / scale, ...rest),
    realSetTimeout,
  );
  performance.now = fastNow;
  globalThis.Date = class extends RealDate {
    constructor(...values) {
      if (values.length === 0) super(fastEpochMs());
      else super(...values);
    }
    static now() {
      return Math.round(fastEpochMs());
    }
  };
}

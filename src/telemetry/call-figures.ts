import type { TuttiEvents } from '../contracts/events.js';
import type { Usage } from '../contracts/usage.js';
import { Histogram } from './histogram.js';
import type { GroupSnapshot, TokenCounts } from './snapshot.js';

/** Tokens and dollars as they add up. */
export class SpendingSums {
  input = 0;
  output = 0;
  cacheRead = 0;
  cacheWrite = 0;
  costUsd = 0;

  add({ inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens }: Usage, costUsd = 0): void {
    this.input += inputTokens ?? 0;
    this.output += outputTokens ?? 0;
    this.cacheRead += cacheReadTokens ?? 0;
    this.cacheWrite += cacheWriteTokens ?? 0;
    this.costUsd += costUsd;
  }

  get tokens(): TokenCounts {
    const { input, output, cacheRead, cacheWrite } = this;
    return { input, output, cacheRead, cacheWrite };
  }
}

/** What the calls of one agent, model or tenant have done, as it adds up. */
export class CallFigures {
  settled = 0;
  succeeded = 0;
  failed = 0;
  cancelled = 0;
  timedOut = 0;
  cached = 0;
  attempts = 0;
  savedUsd = 0;
  queuedMs = 0;
  runMs = 0;
  readonly spending = new SpendingSums();
  readonly latencyMs = new Histogram();
  /** The same since the latest step began, where steps are kept. */
  step: CallFigures | undefined = undefined;

  /** A call has settled. */
  ended(event: TuttiEvents['call:end']): void {
    this.step?.ended(event);
    this.settled += 1;
    this.queuedMs += event.queuedMs;
    this.runMs += event.runMs;
    this.savedUsd += event.savedUsd ?? 0;
    this.latencyMs.record(event.totalMs);
    if (event.cached === false) this.spending.add(event.usage, event.costUsd);
    if (event.success) {
      this.succeeded += 1;
      if (event.cached !== false) this.cached += 1;
    } else if (event.errorCode === 'TUTTI_CANCELLED') {
      this.cancelled += 1;
    } else {
      this.failed += 1;
      if (event.lastErrorCode === 'TUTTI_TIMEOUT') this.timedOut += 1;
    }
  }

  /** An attempt has started. */
  attempted(): void {
    this.step?.attempted();
    this.attempts += 1;
  }

  /** Something was paid for that belongs to no call. */
  paid({ usage, costUsd }: TuttiEvents['call:unclaimed']): void {
    this.step?.spending.add(usage, costUsd);
    this.spending.add(usage, costUsd);
  }

  /** The figures of the step that ends now; the next one begins. */
  takeStep(): CallFigures | undefined {
    const { step } = this;
    this.step = new CallFigures();
    return step;
  }

  /** Whether nothing was counted. */
  get isEmpty(): boolean {
    const { input, output, costUsd } = this.spending;
    return this.settled + this.attempts + input + output + costUsd === 0;
  }

  snapshot(): GroupSnapshot {
    const { settled, succeeded, failed, cancelled, timedOut, cached, attempts } = this;
    const { savedUsd, queuedMs, runMs, spending, latencyMs } = this;
    return {
      settled,
      succeeded,
      failed,
      cancelled,
      timedOut,
      cached,
      attempts,
      tokens: spending.tokens,
      costUsd: spending.costUsd,
      savedUsd,
      queuedMs,
      runMs,
      latencyMs: latencyMs.distribution(),
    };
  }
}

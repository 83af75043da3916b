import { createHmac, randomUUID } from 'node:crypto';
import { messageOf } from '../../errors/foreign.js';
import { withoutSecrets } from '../../errors/redact.js';
import type { Logger } from '../../logging/logger.js';
import type { Clock, TimerHandle } from '../../time/clock.js';
import type { Alert, WebhookOptions } from './alert.js';

/** Header with the instant of signing, in whole seconds since the Unix epoch. */
export const TIMESTAMP_HEADER = 'x-tutti-timestamp';
/** Header with `sha256=` and the HMAC-SHA256 of `<timestamp>.<body>` under the secret, in hex. */
export const SIGNATURE_HEADER = 'x-tutti-signature';
/** Header with an id that stays the same when an alert is sent again. */
export const DELIVERY_HEADER = 'x-tutti-delivery';

/** Time between two tries, in milliseconds: doubled from the first to the last. */
const FIRST_DELAY_MS = 1_000;
const LONGEST_DELAY_MS = 30_000;
/** Alerts that wait at most; more are dropped, oldest first, and logged. */
const MOST_WAITING = 1_000;

/** An alert on its way. */
interface Delivery {
  readonly id: string;
  readonly rule: string;
  readonly body: string;
}

/** The alerts of one rule: sent one after the other, in order. */
interface RuleQueue {
  readonly waiting: Delivery[];
  failures: number;
  timer: TimerHandle | undefined;
  isSending: boolean;
}

/** Options of {@link Webhook}. */
export interface WebhookParts {
  readonly options: WebhookOptions & { readonly timeoutMs: number };
  readonly clock: Clock;
  readonly logger: Logger;
  /** Sends requests; for tests. @default the `fetch` of Node */
  readonly fetch?: typeof fetch | undefined;
}

/**
 * Sends alerts to a service: signed, one at a time for each rule, again with backoff until the service accepts them. One
 * that stays away for hours loses nothing as long as no more than 1,000 alerts wait.
 */
export class Webhook {
  readonly #parts: WebhookParts;
  readonly #queues = new Map<string, RuleQueue>();
  readonly #aborts = new Set<AbortController>();
  #waiting = 0;
  #isClosed = false;
  #onIdle: (() => void) | undefined = undefined;

  constructor(parts: WebhookParts) {
    this.#parts = parts;
  }

  /** Queues an alert. */
  send(alert: Alert): void {
    if (this.#isClosed) return;
    const queue = this.#queues.get(alert.id) ?? {
      waiting: [],
      failures: 0,
      timer: undefined,
      isSending: false,
    };
    this.#queues.set(alert.id, queue);
    queue.waiting.push({ id: randomUUID(), rule: alert.id, body: JSON.stringify(alert) });
    this.#waiting += 1;
    if (this.#waiting > MOST_WAITING) this.#dropOldest();
    if (!queue.isSending && queue.timer === undefined) void this.#sendNext(queue);
  }

  /** Tries once more to send what waits, for at most `timeoutMs`, then gives up and logs how many are lost. */
  async close(timeoutMs: number): Promise<void> {
    this.#isClosed = true;
    for (const queue of this.#queues.values()) this.#hurry(queue);
    if (this.#waiting > 0) await this.#idleWithin(timeoutMs);
    for (const abort of this.#aborts) abort.abort();
    for (const { timer } of this.#queues.values())
      if (timer !== undefined) this.#parts.clock.clearTimeout(timer);
    if (this.#waiting > 0) {
      this.#parts.logger.error({ alerts: this.#waiting }, 'alerts were not delivered before the end');
    }
  }

  #hurry(queue: RuleQueue): void {
    if (queue.timer !== undefined) this.#parts.clock.clearTimeout(queue.timer);
    queue.timer = undefined;
    if (!queue.isSending && queue.waiting.length > 0) void this.#sendNext(queue);
  }

  #idleWithin(timeoutMs: number): Promise<void> {
    const { clock } = this.#parts;
    return new Promise((resolve) => {
      const timer = clock.setTimeout(() => resolve(), timeoutMs, undefined);
      this.#onIdle = () => {
        clock.clearTimeout(timer);
        resolve();
      };
    });
  }

  async #sendNext(queue: RuleQueue): Promise<void> {
    const [delivery] = queue.waiting;
    if (delivery === undefined) return;
    queue.isSending = true;
    const problem = await this.#post(delivery);
    queue.isSending = false;
    if (problem === undefined) this.#delivered(queue, delivery);
    else this.#failed(queue, delivery, problem);
  }

  #delivered(queue: RuleQueue, delivery: Delivery): void {
    queue.failures = 0;
    // It may have been dropped meanwhile.
    if (queue.waiting[0] === delivery) {
      queue.waiting.shift();
      this.#waiting -= 1;
    }
    if (this.#waiting === 0) this.#onIdle?.();
    if (queue.waiting.length > 0) void this.#sendNext(queue);
    else this.#queues.delete(delivery.rule);
  }

  #failed(queue: RuleQueue, { rule }: Delivery, problem: string): void {
    const { clock, logger } = this.#parts;
    queue.failures += 1;
    const delayMs = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (queue.failures - 1));
    logger.warn(
      { rule, problem, failures: queue.failures, delayMs },
      'an alert was not accepted; it is sent again',
    );
    if (this.#isClosed && queue.failures > 1) return;
    queue.timer = clock.setTimeout(
      () => {
        queue.timer = undefined;
        void this.#sendNext(queue);
      },
      delayMs,
      undefined,
    );
    (queue.timer as { unref?(): void }).unref?.();
  }

  /** Sends a request; what was wrong if it was not accepted. */
  async #post({ id, body }: Delivery): Promise<string | undefined> {
    const { options, clock, fetch: send = fetch } = this.#parts;
    const abort = new AbortController();
    this.#aborts.add(abort);
    const timer = clock.setTimeout(() => abort.abort(), options.timeoutMs, undefined);
    try {
      const timestamp = String(Math.floor(clock.epochMs() / 1_000));
      const response = await send(options.url, {
        method: 'POST',
        body,
        headers: {
          ...options.headers,
          'content-type': 'application/json',
          [TIMESTAMP_HEADER]: timestamp,
          [SIGNATURE_HEADER]: `sha256=${signatureOf(options.secret, timestamp, body)}`,
          [DELIVERY_HEADER]: id,
        },
        redirect: 'error',
        signal: abort.signal,
      });
      await response.body?.cancel();
      return response.ok ? undefined : `status ${response.status}`;
    } catch (error) {
      return abort.signal.aborted ? `no answer in ${options.timeoutMs} ms` : withoutSecrets(messageOf(error));
    } finally {
      clock.clearTimeout(timer);
      this.#aborts.delete(abort);
    }
  }

  #dropOldest(): void {
    const [longest] = [...this.#queues.values()].sort((a, b) => b.waiting.length - a.waiting.length);
    const dropped = longest?.waiting.shift();
    if (dropped === undefined) return;
    this.#waiting -= 1;
    this.#parts.logger.error(
      { rule: dropped.rule },
      'too many alerts wait for the webhook; the oldest was dropped',
    );
  }
}

/** HMAC-SHA256 of `<timestamp>.<body>`, in hex. */
export function signatureOf(secret: string, timestamp: string, body: string): string {
  return createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex');
}

import { callListener } from '../../events/call-listener.js';
import { TypedEmitter, type Unsubscribe } from '../../events/typed-emitter.js';
import type { Logger } from '../../logging/logger.js';
import type { Clock } from '../../time/clock.js';
import type { Observations } from '../recommendations/observations.js';
import type { Recommendation } from '../recommendations/rule.js';
import { RuleStates, withSettings } from '../recommendations/rule-states.js';
import { RULES } from '../recommendations/rules.js';
import type { BudgetSnapshot } from '../snapshot.js';
import type { Alert } from './alert.js';
import type { ResolvedAlertOptions } from './alert-options.js';
import { AlertStates } from './alert-states.js';
import { BudgetThresholds } from './budget-thresholds.js';
import { Webhook } from './webhook.js';

/** How long closing waits for a webhook, in milliseconds. */
const CLOSE_TIMEOUT_MS = 5_000;

/** What the monitor looks at, and who it tells. */
export interface MonitorParts {
  readonly options: ResolvedAlertOptions;
  readonly observations: Observations;
  readonly clock: Clock;
  readonly logger: Logger;
  budgets(): Readonly<Record<string, BudgetSnapshot>>;
}

/** Judges the rules and raises alerts. */
export class AlertMonitor {
  readonly #parts: MonitorParts;
  readonly #rules: RuleStates;
  readonly #alerts: AlertStates;
  readonly #budgets: BudgetThresholds;
  readonly #webhook: Webhook | undefined;
  readonly #events: TypedEmitter<{ alert: Alert }>;

  constructor(parts: MonitorParts) {
    const { options, clock, logger } = parts;
    this.#parts = parts;
    this.#rules = new RuleStates(withSettings(RULES, options.rules ?? {}));
    this.#alerts = new AlertStates(options);
    this.#budgets = new BudgetThresholds(options.budgetThresholds, options.budgetPeriodMs);
    this.#webhook = options.webhook && new Webhook({ options: options.webhook, clock, logger });
    this.#events = new TypedEmitter('tutti', ['alert'], (error) => this.#listenerThrew(error));
  }

  /** What should be changed, the most serious first. */
  recommendations(): Recommendation[] {
    return this.#rules.judge(this.#parts.observations.facts()).map(({ recommendation }) => recommendation);
  }

  on(listener: (alert: Alert) => void): Unsubscribe {
    return this.#events.on('alert', listener);
  }

  /** A step has ended: raises and resolves alerts. */
  check(): void {
    const { observations, clock, budgets } = this.#parts;
    observations.note();
    const [nowMs, at] = [clock.now(), clock.epochMs()];
    const findings = this.#rules.judge(observations.facts());
    const alerts = [
      ...this.#alerts.update(findings, nowMs, at),
      ...this.#budgets.update(budgets(), nowMs, at),
    ];
    for (const alert of alerts) this.#publish(alert);
  }

  async close(): Promise<void> {
    await this.#webhook?.close(CLOSE_TIMEOUT_MS);
  }

  #publish(alert: Alert): void {
    const { onAlert } = this.#parts.options;
    if (onAlert !== undefined) callListener(onAlert, alert, (error) => this.#listenerThrew(error));
    this.#events.emit('alert', alert);
    this.#webhook?.send(alert);
  }

  #listenerThrew(error: unknown): void {
    this.#parts.logger.error({ error }, 'a listener for alerts threw');
  }
}

import { LEVELS, type Recommendation, type RecommendationLevel } from '../recommendations/rule.js';
import type { Finding } from '../recommendations/rule-states.js';
import type { Alert } from './alert.js';

/** How long things have to last, in milliseconds, and what matters. */
export interface AlertTimes {
  readonly holdMs: number;
  readonly resolveMs: number;
  readonly minimumLevel: RecommendationLevel;
}

/** A finding that may become an alert, or is one. */
interface Watched {
  recommendation: Recommendation;
  /** Since when it has been there without a break. */
  sinceMs: number;
  /** Since when it has been gone; `undefined` while it is there. */
  goneSinceMs: number | undefined;
  /** The level at which it was raised; `undefined` as long as it was not. */
  raised: RecommendationLevel | undefined;
}

/** Makes alerts of findings: one that begins when a finding has lasted, one that ends when it has been gone for a while. */
export class AlertStates {
  readonly #times: AlertTimes;
  readonly #watched = new Map<string, Watched>();

  constructor(times: AlertTimes) {
    this.#times = times;
  }

  /**
   * What begins and ends now.
   *
   * @param nowMs Milliseconds of a clock that never goes back.
   * @param at The same moment, milliseconds since the Unix epoch.
   */
  update(findings: readonly Finding[], nowMs: number, at: number): Alert[] {
    const alerts: Alert[] = [];
    const present = new Set<string>();
    for (const { rule, subject, recommendation } of findings) {
      if (!rule.isAlert || rank(recommendation.level) < rank(this.#times.minimumLevel)) continue;
      const key = `${rule.id} ${subject}`;
      present.add(key);
      const watched = this.#seen(key, recommendation, nowMs);
      if (!this.#mayRaise(watched, nowMs)) continue;
      watched.raised = recommendation.level;
      alerts.push({ ...recommendation, state: 'firing', at });
    }
    for (const [key, watched] of this.#watched) {
      if (!present.has(key) && this.#hasEnded(key, watched, nowMs)) {
        alerts.push({ ...watched.recommendation, state: 'resolved', at });
      }
    }
    return alerts;
  }

  #seen(key: string, recommendation: Recommendation, nowMs: number): Watched {
    const watched = this.#watched.get(key);
    if (watched === undefined) {
      const begun = { recommendation, sinceMs: nowMs, goneSinceMs: undefined, raised: undefined };
      this.#watched.set(key, begun);
      return begun;
    }
    watched.recommendation = recommendation;
    watched.goneSinceMs = undefined;
    return watched;
  }

  /** It has lasted, and is new or more serious than when it was raised. */
  #mayRaise({ recommendation, sinceMs, raised }: Watched, nowMs: number): boolean {
    if (nowMs - sinceMs < this.#times.holdMs) return false;
    return raised === undefined || rank(recommendation.level) > rank(raised);
  }

  #hasEnded(key: string, watched: Watched, nowMs: number): boolean {
    if (watched.raised === undefined) {
      // A break before it was raised: it has to last from the beginning again.
      this.#watched.delete(key);
      return false;
    }
    watched.goneSinceMs ??= nowMs;
    if (nowMs - watched.goneSinceMs < this.#times.resolveMs) return false;
    this.#watched.delete(key);
    return true;
  }
}

function rank(level: RecommendationLevel): number {
  return LEVELS.indexOf(level);
}

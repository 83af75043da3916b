import type { Facts } from './facts.js';

/** How much a finding matters: `info` is a missed target or a hint, `critical` needs attention now. */
export type RecommendationLevel = 'info' | 'warning' | 'critical';

/** The levels, least first. */
export const LEVELS: readonly RecommendationLevel[] = ['info', 'warning', 'critical'];

/** Something to change, and why. */
export interface Recommendation {
  /** The rule's id, for instance `cache-hit-ratio`. Texts may change, ids do not. */
  id: string;
  /** How much it matters. */
  level: RecommendationLevel;
  /** What is the matter, in a few words. */
  title: string;
  /** Why it is so. */
  cause: string;
  /** The figures that it follows from; units are in the names. `subject` is the lane or agent, if it is about one. */
  evidence: Record<string, number | string>;
  /** What to do about it. */
  advice: string;
  /** The section of the documentation that says more. */
  docs: string;
}

/** What a rule is judged by: its value for the whole, or for one lane or agent. */
export interface RuleReading {
  /** The lane or agent; empty for the whole. */
  readonly subject: string;
  readonly value: number;
  /** How many calls, look-ups or attempts it is drawn from. */
  readonly samples: number;
  readonly evidence: Record<string, number | string>;
  readonly cause: string;
  readonly advice: string;
}

/** Where a rule begins to speak, by level. */
export interface Thresholds {
  /** Where it is a missed target or a hint. */
  info?: number | undefined;
  /** Where it is trouble. */
  warning?: number | undefined;
  /** Where it needs attention now. */
  critical?: number | undefined;
}

/** One rule. */
export interface Rule {
  readonly id: string;
  readonly title: string;
  /** What its value is, with the unit. */
  readonly measures: string;
  /** Whether values above or below the thresholds are findings. */
  readonly side: 'above' | 'below';
  readonly thresholds: Thresholds;
  /** The threshold times this is where a finding ends: further than where it began, so that it does not come and go. */
  readonly clearRatio: number;
  /** With fewer samples in the window it says nothing. */
  readonly minimumSamples: number;
  /** Whether it can raise an alert; the others are advice. */
  readonly isAlert: boolean;
  read(facts: Facts): RuleReading[];
}

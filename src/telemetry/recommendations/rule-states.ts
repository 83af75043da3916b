import type { Facts } from './facts.js';
import {
  LEVELS,
  type Recommendation,
  type RecommendationLevel,
  type Rule,
  type RuleReading,
  type Thresholds,
} from './rule.js';

/** What of a rule can be set. */
export interface RuleSettings extends Thresholds {
  /** With fewer samples in the window the rule says nothing. */
  minimumSamples?: number | undefined;
}

/** A rule that speaks, about one subject. */
export interface Finding {
  readonly rule: Rule;
  readonly subject: string;
  readonly recommendation: Recommendation;
}

/** The page that explains every rule. */
const DOCS = 'docs/guides/alerts-and-recommendations.md';

/** Subjects that are kept for each rule. */
const MOST_SUBJECTS = 1_000;

/** Applies settings to the rules; `false` leaves a rule out. */
export function withSettings(
  rules: readonly Rule[],
  settings: Readonly<Partial<Record<string, RuleSettings | false>>>,
): Rule[] {
  return rules.flatMap((rule) => {
    const own = settings[rule.id];
    if (own === undefined) return [rule];
    if (own === false) return [];
    const { minimumSamples = rule.minimumSamples, ...given } = own;
    const thresholds = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
    return [{ ...rule, minimumSamples, thresholds: { ...rule.thresholds, ...thresholds } }];
  });
}

/** Remembers the level of every rule, so that a finding ends further from its threshold than it began. */
export class RuleStates {
  readonly #rules: readonly Rule[];
  readonly #levels = new Map<string, RecommendationLevel>();

  constructor(rules: readonly Rule[]) {
    this.#rules = rules;
  }

  /** What the rules say now, the most serious first. */
  judge(facts: Facts): Finding[] {
    const findings: Finding[] = [];
    const seen = new Set<string>();
    for (const rule of this.#rules) {
      for (const reading of rule.read(facts).slice(0, MOST_SUBJECTS)) {
        const key = `${rule.id} ${reading.subject}`;
        seen.add(key);
        const level = this.#levelOf(rule, reading, this.#levels.get(key));
        if (level === undefined) this.#levels.delete(key);
        else this.#levels.set(key, level);
        if (level !== undefined) findings.push(toFinding(rule, reading, level));
      }
    }
    for (const key of this.#levels.keys()) if (!seen.has(key)) this.#levels.delete(key);
    const rank = ({ recommendation }: Finding): number => LEVELS.indexOf(recommendation.level);
    return findings.sort((a, b) => rank(b) - rank(a));
  }

  #levelOf(
    rule: Rule,
    { value, samples }: RuleReading,
    before: RecommendationLevel | undefined,
  ): RecommendationLevel | undefined {
    // Half of the samples are enough to go on speaking.
    if (samples < rule.minimumSamples * (before === undefined ? 1 : 0.5)) return undefined;
    return [...LEVELS].reverse().find((level) => {
      const threshold = rule.thresholds[level];
      if (threshold === undefined) return false;
      const isKept = before !== undefined && LEVELS.indexOf(level) <= LEVELS.indexOf(before);
      const limit = isKept ? threshold * rule.clearRatio : threshold;
      return rule.side === 'above' ? value > limit : value < limit;
    });
  }
}

function toFinding(rule: Rule, reading: RuleReading, level: RecommendationLevel): Finding {
  const { id, title } = rule;
  const { subject, evidence, cause, advice } = reading;
  const named = subject === '' ? evidence : { subject, ...evidence };
  const docs = `${DOCS}#${id}`;
  return { rule, subject, recommendation: { id, level, title, cause, evidence: named, advice, docs } };
}

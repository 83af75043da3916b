import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parseOptions } from '../../src/input/parse-options.js';
import { alertOptionsSchema } from '../../src/telemetry/alerts/alert-options.js';
import { LEVELS, type Rule } from '../../src/telemetry/recommendations/rule.js';
import { RULES } from '../../src/telemetry/recommendations/rules.js';
import { REPOSITORY } from './markdown.js';

const PATH = join(REPOSITORY, 'docs/guides/alerts-and-recommendations.md');
const [BEGIN, END] = ['<!-- rules:begin -->\n', '<!-- rules:end -->'];
const page = readFileSync(PATH, 'utf8');
const numberText = new Intl.NumberFormat('en-US', { maximumFractionDigits: 4 });

/** The table as the rules make it. `UPDATE_DOCS=1` writes it into the page. */
function ruleTable(): string {
  const rows = RULES.map(rowOf);
  return [
    '| Id | Finding | Measures | info | warning | critical | Ends at | Samples |',
    '| --- | --- | --- | --- | --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

function rowOf({ id, title, measures, side, thresholds, clearRatio, minimumSamples, isAlert }: Rule): string {
  const first = LEVELS.map((level) => thresholds[level]).find((threshold) => threshold !== undefined) ?? 0;
  const levels = LEVELS.map((level) => {
    const threshold = thresholds[level];
    return threshold === undefined ? '' : `${side} ${numberText.format(threshold)}`;
  });
  const anchor = `<a id="${id}"></a>\`${id}\`${isAlert ? '' : ' *'}`;
  return `| ${anchor} | ${title} | ${measures} | ${levels.join(' | ')} | ${numberText.format(first * clearRatio)} | ${minimumSamples} |`;
}

describe('docs/guides/alerts-and-recommendations.md', () => {
  test('has the table of the rules as they are', () => {
    const from = page.indexOf(BEGIN) + BEGIN.length;
    const to = page.indexOf(END);
    if (process.env.UPDATE_DOCS === '1')
      writeFileSync(PATH, page.slice(0, from) + ruleTable() + page.slice(to));
    else expect(page.slice(from, to)).toBe(ruleTable());
  });

  test('names every setting with its default', () => {
    const defaults = parseOptions(alertOptionsSchema(), {}, 'alerts');
    expect(defaults).toMatchObject({
      minimumLevel: 'warning',
      windowMs: 300_000,
      holdMs: 30_000,
      resolveMs: 60_000,
      budgetThresholds: [0.5, 0.8, 0.95],
    });
    for (const name of Object.keys(alertOptionsSchema().shape)) expect(page).toContain(name);
  });
});

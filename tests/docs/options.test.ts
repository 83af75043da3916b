import { describe, expect, test } from '@jest/globals';
import { agentDefinitionSchema } from '../../src/agents/agent-schema.js';
import { responseCacheOptionsSchema } from '../../src/cache/cache-options.js';
import { parseOptions } from '../../src/input/parse-options.js';
import { explainSchema, orchestratorOptionsSchema } from '../../src/orchestrator/options.js';
import {
  breakerSchema,
  budgetSchema,
  fairnessSchema,
  hedgeSchema,
  laneLimitsSchema,
  tenantsSchema,
} from '../../src/resilience/traffic-options.js';
import { codeIn, readDocument, tableRows } from './markdown.js';
import { TypeProgram } from './type-program.js';

const TRAFFIC = 'src/contracts/traffic.ts';
const OPTIONS = 'src/orchestrator/options.ts';
const EXPLAIN = 'src/contracts/explanation.ts';
const CALL = 'src/contracts/call.ts';
const AGENT = 'src/contracts/agent.ts';
const CACHE = 'src/cache/cache-options.ts';
const page = readDocument('docs/reference/options.md');
const program = TypeProgram.ofFiles([OPTIONS, EXPLAIN, CALL, AGENT, TRAFFIC, CACHE]);

const resolved: Record<string, unknown> = parseOptions(orchestratorOptionsSchema(), {}, 'options');
const cacheDefaults: Record<string, unknown> = parseOptions(responseCacheOptionsSchema(), {}, 'options');
const names = (file: string, type: string): string[] =>
  program.properties(file, type).map(({ name }) => name);

function documented(heading: string): Array<{ name: string; default: unknown }> {
  return tableRows(page, heading).map(([name, fallback]) => ({
    name: codeIn(name),
    default: readDefault(codeIn(fallback)),
  }));
}

/** A default as it is written in documents: `30_000`, `'full'`; nothing where there is none. */
function readDefault(text: string | undefined): unknown {
  if (text === undefined || text === '') return undefined;
  if (/^'.*'$/.test(text)) return text.slice(1, -1);
  return JSON.parse(text.replaceAll('_', ''));
}

/** The keys of a schema with their defaults. */
function defaults(keys: string[], from: Record<string, unknown>): Array<{ name: string; default: unknown }> {
  return keys.map((name) => ({ name, default: from[name] }));
}

const byName = (a: { name: string }, b: { name: string }): number => a.name.localeCompare(b.name);

describe('docs/reference/options.md', () => {
  test("has the orchestrator's options with the schema's defaults", () => {
    const keys = Object.keys(orchestratorOptionsSchema().shape).filter((key) => key !== 'retry');
    const rows = documented('AsyncOrchestrator').filter(({ name }) => name !== 'retry');
    expect(rows.sort(byName)).toEqual(defaults(keys, resolved).sort(byName));
  });

  test("has the options of explain with the schema's defaults", () => {
    const keys = names(EXPLAIN, 'ExplainOptions');
    const explain = parseOptions(explainSchema(), true, 'options') as unknown as Record<string, unknown>;
    expect(documented('explain').sort(byName)).toEqual(defaults(keys, explain).sort(byName));
  });

  test("has the retry options with the schema's defaults", () => {
    const retry = resolved.retry as Record<string, unknown>;
    const keys = names(OPTIONS, 'RetryOptions');
    expect(documented('retry').sort(byName)).toEqual(defaults(keys, retry).sort(byName));
  });

  test("has the cache's options with the schema's defaults", () => {
    const keys = Object.keys(responseCacheOptionsSchema().shape);
    // Objects that stand for silence and for the system's own; the page says so in words.
    const { logger: _logger, clock: _clock, ...from } = cacheDefaults;
    expect(documented('ResponseCache').sort(byName)).toEqual(defaults(keys, from).sort(byName));
  });

  test.each([
    ['limits', 'LaneLimits', parseOptions(laneLimitsSchema(), {}, 'options')],
    ['breaker', 'BreakerSettings', parseOptions(breakerSchema(), {}, 'options')],
    [
      'hedge',
      'HedgeSettings',
      { ...parseOptions(hedgeSchema(), { afterMs: 1 }, 'options'), afterMs: undefined },
    ],
    ['budget', 'BudgetSettings', { ...parseOptions(budgetSchema(), { usd: 1 }, 'options'), usd: undefined }],
    ['fairness', 'FairnessSettings', parseOptions(fairnessSchema(), {}, 'options')],
    ['tenants', 'TenantSettings', parseOptions(tenantsSchema(), {}, 'options')],
    ['Limits of tenants', 'TenantLimits', {}],
  ])('has under "%s" the options of the type with the defaults of the schema', (heading, type, from) => {
    const rows = defaults(names(TRAFFIC, type), { ...from });
    expect(documented(heading).sort(byName)).toEqual(rows.sort(byName));
  });

  test.each([
    ['timeouts', AGENT, 'PhaseTimeouts'],
    ['Call options', CALL, 'CallOptions'],
  ])('has under "%s" what the type says', (heading, file, type) => {
    expect(
      documented(heading)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(names(file, type).sort());
  });

  test('has under "Options of run" what a function takes beyond the options of a call', () => {
    const ofCalls = new Set(names(CALL, 'CallOptions'));
    const own = names(CALL, 'FunctionCallOptions').filter((name) => !ofCalls.has(name));
    const listed = documented('Options of run').map(({ name }) => name);
    expect(listed.sort()).toEqual(own.sort());
  });

  test('has under "Run options" what a run takes beyond the options of a call', () => {
    const ofCalls = new Set(names(CALL, 'CallOptions'));
    const own = names(CALL, 'RunOptions').filter((name) => !ofCalls.has(name) || name === 'deadlineMs');
    expect(
      documented('Run options')
        .map(({ name }) => name)
        .sort(),
    ).toEqual(own.sort());
  });

  test('has every setting of an agent definition', () => {
    const keys = Object.keys(agentDefinitionSchema().shape);
    expect(
      documented('Agent definitions')
        .map(({ name }) => name)
        .sort(),
    ).toEqual(keys.sort());
  });
});

describe('the doc comments of the options', () => {
  test.each([
    [OPTIONS, 'AsyncOrchestratorOptions', resolved],
    [OPTIONS, 'RetryOptions', resolved.retry as Record<string, unknown>],
    [CACHE, 'ResponseCacheOptions', cacheDefaults],
  ])('in %s say the defaults of %s as the schema has them', (file, type, from) => {
    // `none`, `silent` and the like are words for leaving an option out.
    const said = program
      .properties(file, type)
      .filter(({ defaultText }) => defaultText !== undefined && /^['\d]/.test(defaultText));
    expect(said.length).toBeGreaterThan(0);
    for (const { name, defaultText } of said) {
      // What follows in brackets says the same in another unit.
      expect({ name, default: readDefault(defaultText?.replace(/ \(.*\)$/, '')) }).toEqual({
        name,
        default: from[name],
      });
    }
  });

  test.each([
    [OPTIONS, 'AsyncOrchestratorOptions', resolved],
    [OPTIONS, 'RetryOptions', resolved.retry as Record<string, unknown>],
    [CACHE, 'ResponseCacheOptions', cacheDefaults],
  ])('in %s say a default wherever %s has one', (file, type, from) => {
    const silent = program
      .properties(file, type)
      .filter(
        ({ name, defaultText }) =>
          typeof from[name] !== 'object' && from[name] !== undefined && defaultText === undefined,
      );
    expect(silent).toEqual([]);
  });
});

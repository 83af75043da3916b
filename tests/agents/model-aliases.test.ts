import { describe, expect, test } from '@jest/globals';
import {
  isInherited,
  MODEL_ALIASES,
  MODEL_ALIASES_AS_OF,
  resolveModel,
} from '../../src/agents/model-aliases.js';
import { PRICE_TABLE, PRICES_AS_OF } from '../../src/providers/pricing/price-table.js';

const model = (written: string, models: Record<string, string> = {}) => resolveModel(written, models).model;

describe('resolveModel', () => {
  test.each(['sonnet', 'opus', 'haiku', 'fable', 'best', 'opusplan', 'default'])(
    'has a priced model for the alias %s, in any case and with its suffix',
    (alias) => {
      const resolved = resolveModel(alias, {});
      expect(resolved.isMapped).toBe(true);
      expect(PRICE_TABLE).toHaveProperty([resolved.model]);
      for (const spelling of [alias.toUpperCase(), `${alias}[1m]`, `${alias}[1M]`, ` ${alias} `]) {
        expect(resolveModel(spelling, {})).toEqual(resolved);
      }
    },
  );

  test('has aliases and prices of the same day', () => {
    expect(MODEL_ALIASES_AS_OF).toBe(PRICES_AS_OF);
  });

  test('prefers what the user maps: the name as written, without its suffix, as an id, behind an alias', () => {
    expect(model('Sonnet[1m]', { sonnet: 'mine' })).toBe('mine');
    expect(model('sonnet[1m]', { sonnet: 'mine', 'sonnet[1m]': 'long' })).toBe('long');
    expect(model('OPUS', { Opus: 'mine' })).toBe('mine');
    expect(model('opusplan', { sonnet: 'mine' })).toBe('mine');
    expect(model('Claude Sonnet 4.5', { 'claude-sonnet-4-5': 'mine' })).toBe('mine');
    expect(model('constructor')).toBe('constructor');
  });

  test('maps every other name with "*", aliases included', () => {
    const models = { haiku: 'small', '*': 'large' };
    expect(['haiku', 'sonnet', 'gpt-5', 'opusplan'].map((name) => model(name, models))).toEqual([
      'small',
      'large',
      'large',
      'large',
    ]);
  });

  test.each([
    ['Claude Sonnet 4.5 (copilot)', 'claude-sonnet-4-5'],
    ['claude-sonnet-4.6', 'claude-sonnet-4-6'],
    ['Claude Opus 4.7', 'claude-opus-4-7'],
    ['Opus 4.5', 'claude-opus-4-5'],
    ['sonnet-4-5', 'claude-sonnet-4-5'],
    ['anthropic/claude-sonnet-4-20250514', 'claude-sonnet-4-20250514'],
    ['claude-opus-4-8[1m]', 'claude-opus-4-8'],
    ['GPT-5 (copilot)', 'gpt-5'],
  ])('knows the id that %s stands for', (written, id) => {
    expect(resolveModel(written, {})).toEqual({ model: id, isMapped: false });
  });

  test.each([
    'anthropic/claude-sonnet-4.5',
    'gemini-2.5-pro',
    'us.anthropic.claude-opus-4-1-v1:0',
    'llama3.1:8b',
  ])('leaves %s as it is', (written) => {
    expect(resolveModel(written, {})).toEqual({ model: written, isMapped: false });
  });

  test('ends every alias at an id', () => {
    for (const alias of Object.keys(MODEL_ALIASES)) expect(model(alias)).toMatch(/^claude-/);
  });
});

describe('isInherited', () => {
  test.each([
    ['inherit', true],
    ['Inherit', true],
    ['default', false],
    ['sonnet', false],
  ])('of %s is %s', (written, expected) => {
    expect(isInherited(written)).toBe(expected);
  });
});

import { describe, expect, test } from '@jest/globals';
import { count } from '../../src/input/number-schemas.js';
import { flag, optionsObject, thing } from '../../src/input/option-schemas.js';
import { optional, union } from '../../src/input/schema.js';
import { MergedConfig } from '../../src/runtime/merged-config.js';

const part = () => optionsObject({ size: optional(count(1)) });
const schema = optionsObject({
  plain: optional(count(1)),
  part: optional(part()),
  ready: optional(
    union([flag(), thing<object>((value) => typeof value === 'object', 'an object')], 'expected it'),
  ),
});

class Ready {
  size = 1;
}

const variable = (setting: string, value: unknown, turnsOn?: boolean): never =>
  ({ name: 'TUTTI_X', variable: { setting, turnsOn }, kind: 'text', text: String(value), value }) as never;

function merged(file: Record<string, unknown>, ...variables: never[]) {
  const config = new MergedConfig(schema);
  config.addFile({ path: 'tutti.config.mjs', config: file, json: undefined } as never);
  config.addVariables(variables);
  return config;
}

describe('settings of several sources', () => {
  test('of a part that was given ready-made are left to it', () => {
    const ready = new Ready();
    expect(merged({ ready }, variable('ready.size', 5)).values).toEqual({ ready });
    expect(merged({ ready }, variable('ready', false)).values).toEqual({ ready: false });
  });

  test('of a part that is off change nothing, unless the variable turns it on', () => {
    expect(merged({ part: false }, variable('part.size', 5)).values).toEqual({ part: false });
    expect(merged({}, variable('part.size', 5)).values).toEqual({});
    expect(merged({ part: false }, variable('part.size', 5, true)).values).toEqual({ part: { size: 5 } });
    expect(merged({ part: { size: 2 } }, variable('part.size', false, true)).values).toEqual({
      part: { size: false },
    });
  });

  test('that are undefined leave what was there', () => {
    const config = merged({ plain: 3 });
    config.addCall({ plain: undefined }, 'createTutti');
    expect(config.values).toEqual({ plain: 3 });
    expect(() => config.check()).not.toThrow();
  });

  test('are named with the source of the nearest value where they are missing, the last one else', () => {
    const config = merged({ plain: 0 });
    expect(() => config.check()).toThrow('tutti.config.mjs');
    const issue = { path: ['other'], message: 'expected more', value: 1, isOtherKind: false };
    expect(config.errorOf(issue, new Error('why')).message).toContain('config');
    expect(config.errorOf({ ...issue, path: [], knownKeys: ['plain'] }).message).toContain(
      'Unknown option'.slice(1),
    );
  });
});

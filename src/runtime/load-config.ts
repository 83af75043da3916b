import type { AgentsInput } from '../agents/agent-registry.js';
import { mismatch } from '../input/checks.js';
import { madeOnce } from '../input/made-once.js';
import { optionsObject, thing } from '../input/option-schemas.js';
import { parseOptions } from '../input/parse-options.js';
import { isObject, optional } from '../input/schema.js';
import type { AnyAgents } from '../orchestrator/inferred-types.js';
import { readConfigFile } from './config-file.js';
import { type Environment, readEnvironment } from './environment.js';
import { hideSecrets } from './hide-secrets.js';
import { isPlain, MergedConfig } from './merged-config.js';
import { type TuttiConfig, tuttiConfigSchema } from './tutti-config.js';

/** Settings of {@link loadConfig}. */
export interface LoadConfigOptions {
  /**
   * The configuration file, `.mjs`, `.js` or `.json`; `false` for none. @default `tutti.config.mjs`, `tutti.config.js` or
   * `tutti.config.json` in the working directory, if there is one
   */
  path?: string | false | undefined;
  /** The environment variables; `{}` for none. @default process.env */
  env?: Environment | undefined;
}

const loadConfigSchema = madeOnce(() =>
  optionsObject({
    path: optional(
      thing<string | false>(
        (value) => value === false || (typeof value === 'string' && value !== ''),
        'the path of a file, or false for none',
      ),
    ),
    env: optional(thing<Environment>(isObject, 'an object of environment variables')),
  }),
);

/** Where the values of a loaded configuration come from. */
const loadedConfigs = new WeakMap<object, MergedConfig>();

/**
 * Reads the configuration of the file and of the environment, which takes precedence, and checks it. Secrets in it do not
 * show in `JSON.stringify`, `console.log` or messages.
 *
 * Rejects with a {@link ConfigError} if a value is invalid; the message names the variable, or the file and, in JSON, the
 * line.
 *
 * @example
 * ```ts
 * const config = await loadConfig({ path: 'config/tutti.json' });
 * await using tutti = await createTutti(config);
 * ```
 */
export async function loadConfig<Agents extends AgentsInput = AnyAgents, State = Record<string, unknown>>(
  options: LoadConfigOptions = {},
): Promise<TuttiConfig<Agents, State>> {
  const merged = await mergeConfig(undefined, options);
  loadedConfigs.set(merged.values, merged);
  return merged.values;
}

/** The configuration of a call of `createTutti`: what `loadConfig` has returned, or settings over those of the sources. */
export async function configOfCall(config: unknown, options: LoadConfigOptions): Promise<MergedConfig> {
  const loaded = isObject(config) ? loadedConfigs.get(config) : undefined;
  if (loaded !== undefined) return loaded;
  if (config !== undefined && !isPlain(config)) throw mismatch('config', 'an object of settings', config);
  return await mergeConfig(config, options);
}

async function mergeConfig(
  config: Readonly<Record<string, unknown>> | undefined,
  options: LoadConfigOptions,
): Promise<MergedConfig> {
  const { path, env = process.env } = parseOptions(loadConfigSchema(), options, 'loadConfig options');
  const schema = tuttiConfigSchema();
  const merged = new MergedConfig(schema);
  const file = path === false ? undefined : await readConfigFile(path);
  if (file !== undefined) merged.addFile(file);
  merged.addVariables(readEnvironment(env));
  if (config !== undefined) merged.addCall(config, 'createTutti');
  merged.check();
  hideSecrets(merged.values, schema);
  return merged;
}

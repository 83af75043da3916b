import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ConfigError } from '../errors/config-error.js';
import { fieldOf, messageOf } from '../errors/foreign.js';
import { readJson } from '../files/json-source.js';
import { describeValue } from '../input/describe-value.js';
import { isObject } from '../input/schema.js';

/** The names of configuration files in the working directory. */
export const CONFIG_FILES = ['tutti.config.mjs', 'tutti.config.js', 'tutti.config.json'] as const;

/** A configuration from a file. */
export interface ConfigFile {
  readonly path: string;
  readonly config: Readonly<Record<string, unknown>>;
  /** The text of a JSON file, which has lines. */
  readonly json: string | undefined;
}

/**
 * Reads a configuration file: the one at the path, else the one of the working directory, if there is one.
 *
 * @throws {@link ConfigError} when it is missing though it was named, cannot be read, or there are several.
 */
export async function readConfigFile(path: string | undefined): Promise<ConfigFile | undefined> {
  const file = path === undefined ? await findConfigFile(process.cwd()) : resolve(path);
  if (file === undefined) return undefined;
  return file.endsWith('.json') ? await readJsonFile(file) : await importFile(file);
}

async function findConfigFile(folder: string): Promise<string | undefined> {
  const names = await readdir(folder).catch(() => [] as string[]);
  const [name, ...others] = CONFIG_FILES.filter((one) => names.includes(one));
  if (name === undefined) return undefined;
  if (others.length === 0) return join(folder, name);
  const problem = `there is also ${others.join(' and ')} in this folder; keep one of them.`;
  throw new ConfigError(join(folder, name), undefined, problem);
}

async function readJsonFile(path: string): Promise<ConfigFile> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  const json = text.replace(/^\uFEFF/, '');
  const reading = readJson(json);
  if (reading.line !== undefined) {
    throw new ConfigError(
      `${path}:${reading.line}`,
      undefined,
      'expected JSON; the text stops being JSON here.',
    );
  }
  return { path, json, config: fields(path, reading.value, 'a JSON object') };
}

async function importFile(path: string): Promise<ConfigFile> {
  let module: unknown;
  try {
    module = await import(pathToFileURL(path).href);
  } catch (cause) {
    throw unreadable(path, cause);
  }
  const config: unknown = await fieldOf(module, 'default');
  return { path, json: undefined, config: fields(path, config, 'export default defineConfig({ … })') };
}

function unreadable(path: string, cause: unknown): ConfigError {
  return new ConfigError(path, undefined, `the file cannot be loaded: ${messageOf(cause)}.`, { cause });
}

function fields(path: string, config: unknown, expected: string): Readonly<Record<string, unknown>> {
  if (isObject(config)) return config;
  throw new ConfigError(path, undefined, `expected ${expected}; got ${describeValue(config)}.`);
}

import { ConfigError } from '../errors/config-error.js';
import { isSecretName, withoutSecrets } from '../errors/redact.js';
import { lineOfJsonPath } from '../files/json-source.js';
import { describeKind, describeValue } from '../input/describe-value.js';
import { type Issue, isObject, type Schema } from '../input/schema.js';
import { unknownKeyError } from '../input/unknown-key.js';
import type { ConfigFile } from './config-file.js';
import type { VariableValue } from './environment.js';

/** Where a value comes from. */
type Source =
  | { readonly kind: 'file'; readonly file: ConfigFile }
  | { readonly kind: 'variable'; readonly variable: VariableValue }
  | { readonly kind: 'call'; readonly name: string };

/** Settings from several sources, with where each value comes from. */
export class MergedConfig {
  readonly values: Record<string, unknown> = {};
  readonly #schema: Schema<unknown>;
  readonly #sources = new Map<string, Source>();
  #last: Source = { kind: 'call', name: 'config' };

  constructor(schema: Schema<unknown>) {
    this.#schema = schema;
  }

  addFile(file: ConfigFile): void {
    this.#merge(this.values, file.config, this.#schema, [], { kind: 'file', file });
  }

  addVariables(variables: readonly VariableValue[]): void {
    const turnsOn = ({ variable, value }: VariableValue) => variable.turnsOn === true && value !== false;
    for (const one of variables) if (turnsOn(one)) this.#addVariable(one);
    for (const one of variables) if (!turnsOn(one)) this.#addVariable(one);
  }

  #addVariable(variable: VariableValue): void {
    const path = variable.variable.setting.split('.');
    const [part, ...inner] = path as [string, ...string[]];
    const there = this.values[part];
    // One that was given ready-made has its settings, and one that is off stays off, unless the variable turns it on.
    const isReady = isObject(there) && !isPlain(there);
    const canTurnOn = variable.variable.turnsOn === true && variable.value !== false;
    if (isReady && variable.value !== false) return;
    if (inner.length > 0 && !isPlain(there) && !canTurnOn) return;
    const value = path.reduceRight<unknown>((below, name) => ({ [name]: below }), variable.value);
    const source = { kind: 'variable', variable } as const;
    this.#merge(this.values, value as Record<string, unknown>, this.#schema, [], source);
  }

  addCall(config: Readonly<Record<string, unknown>>, name: string): void {
    this.#last = { kind: 'call', name };
    this.#merge(this.values, config, this.#schema, [], this.#last);
  }

  /** @throws {@link ConfigError} for the first value that the schema does not accept, with its source. */
  check(): void {
    const issues: Issue[] = [];
    this.#schema.read(this.values, [], issues);
    const [issue] = issues;
    if (issue !== undefined) throw this.errorOf(issue);
  }

  /** The error for a value, with where it comes from. */
  errorOf({ path, message, value, knownKeys }: Issue, cause?: unknown): ConfigError {
    const source = this.#sourceOf(path);
    const field = path.join('.');
    const options = cause === undefined ? {} : { cause };
    if (knownKeys !== undefined) {
      const { message: problem } = unknownKeyError(path.slice(0, -1).join('.'), path.at(-1) ?? '', knownKeys);
      return new ConfigError(placeOf(source, path), field, firstLower(problem), options);
    }
    const subject = source.kind === 'variable' ? `${field} (${unitOf(source.variable)})` : field;
    const problem = `${subject}: ${message}; got ${came(source, path, value)}.`;
    return new ConfigError(placeOf(source, path), field, withoutSecrets(problem), options);
  }

  /** The error of a part that did not accept a setting, with where that comes from. */
  explain(message: string, path: readonly string[], cause: unknown): ConfigError {
    return new ConfigError(placeOf(this.#sourceOf(path), path), path.join('.'), withoutSecrets(message), {
      cause,
    });
  }

  /** Objects of options are merged; everything else is replaced, agents and objects of other kinds too. */
  #merge(
    target: Record<string, unknown>,
    values: Readonly<Record<string, unknown>>,
    schema: Schema<unknown> | undefined,
    path: readonly string[],
    source: Source,
  ): void {
    for (const [name, value] of Object.entries(values)) {
      if (value === undefined) continue;
      const at = [...path, name];
      const inner = schema?.shape[name];
      const isSwitched = inner !== undefined && Object.keys(inner.shape).length > 0;
      this.#sources.set(at.join('.'), source);
      if (isSwitched && isPlain(value)) {
        if (!isPlain(target[name])) target[name] = {};
        this.#merge(target[name] as Record<string, unknown>, value, inner, at, source);
      } else if (isSwitched && value === true && accepts(inner, value)) {
        // On: with what the sources before have set, if anything.
        if (!isObject(target[name])) target[name] = {};
      } else {
        target[name] = value;
      }
    }
  }

  #sourceOf(path: readonly string[]): Source {
    for (let length = path.length; length > 0; length -= 1) {
      const source = this.#sources.get(path.slice(0, length).join('.'));
      if (source !== undefined) return source;
    }
    return this.#last;
  }
}

function accepts(schema: Schema<unknown>, value: unknown): boolean {
  const issues: Issue[] = [];
  schema.read(value, [], issues);
  return issues.length === 0;
}

/** Whether it is an object of settings, and no instance of a class. */
export function isPlain(value: unknown): value is Record<string, unknown> {
  if (!isObject(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function placeOf(source: Source, path: readonly string[]): string {
  if (source.kind === 'variable') return source.variable.name;
  if (source.kind === 'call') return source.name;
  const { path: file, json } = source.file;
  return json === undefined ? file : `${file}:${lineOfJsonPath(json, path)}`;
}

function unitOf({ kind }: VariableValue): string {
  return kind === 'seconds' ? 'given in seconds' : 'from the environment';
}

/** What came, as it was written; of what may be secret only its kind. */
function came(source: Source, path: readonly string[], value: unknown): string {
  const isSecret = path.some(isSecretName);
  const given = source.kind === 'variable' ? source.variable.text : value;
  return isSecret ? describeKind(given) : describeValue(given);
}

function firstLower(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

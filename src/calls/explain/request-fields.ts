import { definitionParts } from '../../agents/definition-digest.js';
import type { CacheRequest } from '../../cache/cache-key.js';
import type { AgentDefinition } from '../../contracts/agent.js';
import { canonicalJson } from '../../hashing/canonical-json.js';
import { sha256Hex } from '../../hashing/digest.js';

/** A digest of each field of a request, by the field's path. The values themselves are not kept. */
export type RequestFields = Readonly<Record<string, string>>;

/** Enough to tell fields apart. */
const DIGEST_LENGTH = 16;

const ofDefinitions = new WeakMap<AgentDefinition, RequestFields>();

/** The fields of a request that decide its key. */
export function requestFields(request: CacheRequest, definition: AgentDefinition): RequestFields {
  const { agent, tenant, model, task, params, definition: digest, ...others } = request;
  const fields: Record<string, string> = { ...definitionFields(definition) };
  const plain = { tenant, model, task, ...others };
  for (const [field, value] of Object.entries(plain)) addField(fields, field, value);
  addNested(fields, 'params', params ?? {});
  return fields;
}

function definitionFields(definition: AgentDefinition): RequestFields {
  let fields = ofDefinitions.get(definition);
  if (fields === undefined) {
    const made: Record<string, string> = {};
    const { provider, ...parts } = definitionParts(definition);
    for (const [field, value] of Object.entries(parts)) addField(made, field, value);
    if (provider !== undefined) addNested(made, 'provider', provider as object);
    fields = made;
    ofDefinitions.set(definition, fields);
  }
  return fields;
}

/** Plain objects field by field, so that a difference can be named; anything else as a whole. */
function addNested(fields: Record<string, string>, path: string, value: object): void {
  for (const [key, inner] of Object.entries(value)) {
    if (hasFields(inner)) addNested(fields, `${path}.${key}`, inner);
    else addField(fields, `${path}.${key}`, inner);
  }
}

function hasFields(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.keys(value).length > 0;
}

function addField(fields: Record<string, string>, path: string, value: unknown): void {
  if (value === undefined) return;
  const text = typeof value === 'string' ? value : canonicalJson(value, path);
  fields[path] = sha256Hex(`${typeof value};${text}`).slice(0, DIGEST_LENGTH);
}

/** The paths in which two requests differ; of an object that only one of them has, its own path. */
export function differingFields(a: RequestFields, b: RequestFields): string[] {
  const [ofA, ofB] = [Object.keys(a), Object.keys(b)];
  const differing = new Set<string>();
  for (const path of ofA) if (a[path] !== b[path]) differing.add(path in b ? path : ownPath(path, ofB));
  for (const path of ofB) if (!(path in a)) differing.add(ownPath(path, ofA));
  return [...differing];
}

/** The start of a path as far as the other request has anything there, and one step more. */
function ownPath(path: string, others: readonly string[]): string {
  const steps = path.split('.');
  let start = steps[0] as string;
  for (const step of steps.slice(1)) {
    const isShared =
      start === 'params' || start === 'provider' || others.some((other) => other.startsWith(`${start}.`));
    if (!isShared) break;
    start += `.${step}`;
  }
  return start;
}

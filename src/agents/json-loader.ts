import { LineCounter, parseDocument } from 'yaml';
import { AgentFileError } from '../errors/agent-file-error.js';
import { type AgentFile, toAgentFile } from './agent-file-schema.js';
import { type LinedData, MAX_YAML_CHARS, offsetOf } from './yaml-source.js';

/**
 * Reads the agents of a JSON file: an object with `instructions` or `prompt` and the fields of a Markdown file's front
 * matter, or an object of such objects by name under `agent` or `agents`. Returns `undefined` for JSON that is neither.
 *
 * @throws {@link AgentFileError} with the file and the line.
 */
export function readJsonAgents(text: string, file: string): readonly AgentFile[] | undefined {
  const json = text.replace(/^\uFEFF/, '');
  const value = parse(json, file);
  if (isMapping(value) && ('instructions' in value || 'prompt' in value)) {
    const agent = toAgentFile({ value, lineOf: lineFinder(json, file) }, file);
    return agent === undefined ? [] : [agent];
  }
  return readAgentMap(value, json, file);
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readAgentMap(value: unknown, json: string, file: string): readonly AgentFile[] | undefined {
  const field = isMapping(value) ? ['agent', 'agents'].find((key) => isMapping(value[key])) : undefined;
  if (field === undefined) return undefined;
  const lineOf = lineFinder(json, file);
  const agents = Object.entries((value as Record<string, Record<string, unknown>>)[field] ?? {});
  return agents.flatMap(([name, fields]) => {
    // Without a prompt it only changes an agent that another program brings along.
    if (!isMapping(fields) || !('instructions' in fields || 'prompt' in fields)) return [];
    const lined = {
      value: { name, ...fields },
      lineOf: (path: ReadonlyArray<PropertyKey>) => lineOf([field, name, ...path]),
    };
    const agent = toAgentFile(lined, file);
    return agent === undefined ? [] : [agent];
  });
}

function parse(json: string, file: string): unknown {
  try {
    return JSON.parse(json, refusePrototype) as unknown;
  } catch (cause) {
    const { name, message } = cause as SyntaxError;
    if (name !== 'SyntaxError') throw cause;
    const [, position] = /position (\d+)/.exec(message) ?? [];
    // Without a position the end is missing.
    const before = json.slice(0, position === undefined ? json.length : Number(position));
    throw new AgentFileError(file, before.split('\n').length, `not JSON: ${message}`, { cause });
  }
}

function refusePrototype(key: string, value: unknown): unknown {
  if (key === '__proto__') throw new SyntaxError('"__proto__" is not allowed as a key');
  return value;
}

/** JSON is also YAML, and the YAML parser knows lines. It also detects duplicate keys, which JSON.parse accepts. */
function lineFinder(json: string, file: string): LinedData['lineOf'] {
  // The YAML parser is slow on large texts, so their errors have no line.
  if (json.length > MAX_YAML_CHARS) return () => undefined;
  const lines = new LineCounter();
  const document = parseDocument(json, {
    schema: 'json',
    prettyErrors: false,
    logLevel: 'silent',
    lineCounter: lines,
  });
  const twice = document.errors.find((error) => error.code === 'DUPLICATE_KEY');
  if (twice !== undefined) {
    throw new AgentFileError(file, lines.linePos(twice.pos[0]).line, 'a key appears twice.', {
      cause: twice,
    });
  }
  return (path) => {
    const offset = offsetOf(document, path);
    return offset === undefined ? undefined : lines.linePos(offset).line;
  };
}

import type { OutputSchema } from '../../contracts/output-schema.js';
import type { Tool, ToolSet } from '../../contracts/tool.js';
import { InvalidArgumentError } from '../../errors/input-errors.js';
import { type Check, expectBoolean, expectDuration, expectFunction, mismatch } from '../../input/checks.js';
import { describeKind } from '../../input/describe-value.js';
import * as jsonSchemaWriter from '../../output/core-json-schema.js';
import { isZodSchema, jsonSchemaOf } from '../../output/json-schema.js';
import type { ModelToolDefinition } from './model-step.js';

/** The tool names that all supported protocols accept. */
const TOOL_NAME = /^[a-zA-Z0-9_-]{1,64}$/;

/** Tools that have been checked, with their definitions for the model. */
export interface PreparedTools {
  readonly definitions: readonly ModelToolDefinition[];
  /** A map, so that names such as `constructor` or `__proto__` are unknown. */
  readonly byName: ReadonlyMap<string, Tool>;
}

/** Checks the tools and creates their JSON Schemas. Returns `undefined` if there are none. */
export function prepareTools(tools: ToolSet | undefined, field = 'options.tools'): PreparedTools | undefined {
  if (tools === undefined) return undefined;
  if (typeof tools !== 'object' || tools === null || Array.isArray(tools)) {
    throw new InvalidArgumentError(
      field,
      `${field} must be an object of tools by name; got ${describeKind(tools)}.`,
    );
  }
  const entries = Object.entries(tools);
  if (entries.length === 0) return undefined;
  return {
    definitions: entries.map(([name, tool]) => defineForModel(name, tool, `${field}.${name}`)),
    byName: new Map(entries),
  };
}

function defineForModel(name: string, tool: Tool, field: string): ModelToolDefinition {
  if (!TOOL_NAME.test(name)) {
    throw new InvalidArgumentError(
      field,
      `Tool name ${JSON.stringify(name)} must be 1 to 64 letters, digits, "_" or "-".`,
    );
  }
  if (typeof tool?.run !== 'function') {
    throw new InvalidArgumentError(
      `${field}.run`,
      `${field}.run must be a function; got ${describeKind(tool?.run)}.`,
    );
  }
  checkSettings(tool, field);
  const inputSchema = toJsonSchema(tool.input, `${field}.input`);
  if (inputSchema.type !== 'object') {
    throw new InvalidArgumentError(
      `${field}.input`,
      `${field}.input must describe an object, for instance z.object({ city: z.string() }); models send nothing else.`,
    );
  }
  return { name, description: tool.description, inputSchema };
}

const FUNCTION_OR_FLAG: Check = (value) =>
  typeof value === 'function'
    ? undefined
    : expectBoolean(value) && 'a boolean or a function (input) => boolean';

const SETTINGS: Readonly<Record<string, Check>> = {
  timeoutMs: expectDuration,
  needsApproval: FUNCTION_OR_FLAG,
  idempotent: expectBoolean,
  reconcile: expectFunction,
};

function checkSettings(tool: Tool, field: string): void {
  for (const [name, check] of Object.entries(SETTINGS)) {
    const value = tool[name as keyof Tool];
    const wrong = value === undefined ? undefined : check(value);
    if (wrong !== undefined) throw mismatch(`${field}.${name}`, wrong, value);
  }
}

/**
 * The JSON Schema of what a zod schema accepts, for a model to read.
 *
 * @throws {@link InvalidArgumentError} when it is no zod 4 schema or says what JSON Schema cannot.
 */
export function toJsonSchema(schema: OutputSchema, field: string): Record<string, unknown> {
  if (!isZodSchema(schema)) {
    throw new InvalidArgumentError(field, `${field} must be a zod 4 schema; got ${describeKind(schema)}.`);
  }
  try {
    const { $schema: _dialect, '~standard': _standard, ...rest } = jsonSchemaOf(schema, {}, jsonSchemaWriter);
    return rest;
  } catch (cause) {
    throw new InvalidArgumentError(
      field,
      `${field} cannot be written for a model as JSON Schema: ${(cause as { message?: unknown }).message}`,
      { cause },
    );
  }
}

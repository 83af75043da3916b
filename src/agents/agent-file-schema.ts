import { z } from 'zod';
import type { AgentDefinition } from '../contracts/agent.js';
import { AgentFileError } from '../errors/agent-file-error.js';
import { describeValue } from '../input/describe-value.js';
import { MAX_TIMER_MS } from '../time/clock.js';
import { checkAgentName } from './agent-name.js';
import type { LinedData } from './yaml-source.js';

/** The content of an agent file. */
export interface AgentFile {
  /** Path of the file. */
  readonly file: string;
  /** The agent's name. */
  readonly name: string;
  /** What the agent is for. */
  readonly description?: string | undefined;
  /** The model, as written in the file; absent for `inherit`. */
  readonly model?: string | undefined;
  /** Names of the tools it may use; absent if the file has no `tools` field. */
  readonly tools?: readonly string[] | undefined;
  /** The system prompt: the body of a Markdown file, or `instructions`. */
  readonly instructions?: string | undefined;
  /** `params`, and all unknown fields. */
  readonly params: Readonly<Record<string, unknown>>;
  /** Settings of the agent: `timeoutMs`, `deadlineMs`, `maxRetries`, `maxConcurrent`, `repairs`, `version`. */
  readonly settings: AgentFileSettings;
  /** Fields of other programs that are not model parameters: `color`, `permissionMode` and the like. */
  readonly foreign: Readonly<Record<string, unknown>>;
}

const durationMs = () => z.number().positive().max(MAX_TIMER_MS).optional();

const settingsShape = {
  timeoutMs: durationMs(),
  deadlineMs: durationMs(),
  maxRetries: z.number().int().min(0).optional(),
  maxConcurrent: z.number().int().min(1).optional(),
  repairs: z.number().int().min(0).optional(),
  version: z.union([z.string(), z.number().transform(String)]).optional(),
};

/** The agent settings that a file can contain. */
export type AgentFileSettings = Pick<
  AgentDefinition,
  'timeoutMs' | 'deadlineMs' | 'maxRetries' | 'maxConcurrent' | 'repairs' | 'version'
>;

/** Fields of the agent files of coding assistants that are not for the model. */
const FOREIGN_FIELDS: ReadonlySet<string> = new Set([
  'color',
  'permissionMode',
  'disallowedTools',
  'skills',
  'hooks',
  'mcpServers',
  'maxTurns',
  'memory',
  'background',
  'effort',
  'isolation',
  'initialPrompt',
]);

/** Plain JSON, because parameters are part of a cache key and are sent as JSON. */
const plainData = () =>
  z.custom<unknown>(isPlainData, 'must be plain data: text, finite numbers, lists and mappings');

function isPlainData(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || value === null) return typeof value !== 'bigint';
  return Object.values(value).every(isPlainData);
}

const knownShape = {
  name: z.string('must be text'),
  description: z.string('must be text').nullish(),
  model: z.string('must be text').nullish(),
  tools: z.union([z.string(), z.array(z.string())], 'must be a list of names').nullish(),
  instructions: z.string('must be text').nullish(),
  params: z.record(z.string(), plainData(), 'must be a mapping of names to values').nullish(),
  ...settingsShape,
};

const schema = z.object(knownShape).catchall(plainData());

/**
 * Validates the fields of a file and sorts them.
 *
 * @throws {@link AgentFileError} with the file and the line of the first problem.
 */
export function toAgentFile(data: LinedData, file: string, body?: string): AgentFile {
  const fields = checkFields(data, file);
  const { name, description, model, tools, instructions, params, ...rest } = fields;
  checkName(name, data, file);
  const prompt = body === undefined || body === '' ? instructions : body;
  return {
    file,
    name,
    ...(description == null ? {} : { description }),
    ...(model == null || model === 'inherit' ? {} : { model }),
    ...(tools == null ? {} : { tools: toNames(tools) }),
    ...(prompt == null ? {} : { instructions: prompt }),
    ...sortRest(rest, params ?? {}),
  };
}

function checkFields(data: LinedData, file: string): z.output<typeof schema> {
  if (typeof data.value !== 'object' || data.value === null || Array.isArray(data.value)) {
    const received = data.value === null ? 'nothing' : describeValue(data.value);
    throw new AgentFileError(
      file,
      data.lineOf([]),
      `expected fields such as name and description; got ${received}.`,
    );
  }
  const parsed = schema.safeParse(data.value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0] as z.core.$ZodIssue;
  const field = issue.path.map(String).join('.');
  const isMissing = issue.path.length === 1 && !Object.hasOwn(data.value, field);
  const problem = isMissing ? 'is missing' : issue.message;
  throw new AgentFileError(file, data.lineOf(issue.path), `field "${field}": ${problem}.`);
}

function checkName(name: string, data: LinedData, file: string): void {
  try {
    checkAgentName(name);
  } catch (cause) {
    throw new AgentFileError(file, data.lineOf(['name']), (cause as Error).message, { cause });
  }
}

function sortRest(
  rest: Record<string, unknown>,
  params: Readonly<Record<string, unknown>>,
): Pick<AgentFile, 'params' | 'settings' | 'foreign'> {
  const sorted = { settings: {}, foreign: {}, params: {} } as Record<string, Record<string, unknown>>;
  for (const [key, value] of Object.entries(rest)) {
    const place = Object.hasOwn(settingsShape, key)
      ? 'settings'
      : FOREIGN_FIELDS.has(key)
        ? 'foreign'
        : 'params';
    (sorted[place] as Record<string, unknown>)[key] = value;
  }
  return {
    settings: sorted.settings as AgentFileSettings,
    foreign: sorted.foreign as Record<string, unknown>,
    params: { ...sorted.params, ...params },
  };
}

/**
 * Tool names from a list or from text such as `Read, Bash(git log, git show)`; a comma in brackets belongs to the
 * name.
 */
function toNames(tools: string | readonly string[]): readonly string[] {
  if (typeof tools !== 'string') return tools;
  const names: string[] = [''];
  let depth = 0;
  for (const char of tools) {
    if (char === '(') depth += 1;
    else if (char === ')') depth -= 1;
    if (char === ',' && depth <= 0) names.push('');
    else names[names.length - 1] += char;
  }
  return names.map((name) => name.trim()).filter((name) => name !== '');
}

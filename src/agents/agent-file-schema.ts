import * as z from 'zod/mini';
import type { AgentDefinition } from '../contracts/agent.js';
import { AgentFileError } from '../errors/agent-file-error.js';
import { describeValue } from '../input/describe-value.js';
import { numberThat } from '../input/number-schemas.js';
import { mapping } from '../input/option-schemas.js';
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

// Each message completes "field "<name>": <message>."

const isText = (value: unknown): boolean => typeof value === 'string';
const text = () => z.optional(z.string('must be text'));
const durationMs = () =>
  z.optional(
    numberThat(
      (ms) => ms > 0 && ms <= MAX_TIMER_MS,
      `must be milliseconds above 0 and at most ${MAX_TIMER_MS} (24.8 days)`,
    ),
  );
const count = (least: number) =>
  z.optional(
    numberThat(
      (things) => Number.isSafeInteger(things) && things >= least,
      `must be a whole number of at least ${least}`,
    ),
  );
const version = () =>
  z.optional(
    z
      .custom<string>((value) => isText(value) || Number.isFinite(value), 'must be text or a number')
      .check(z.overwrite(String)),
  );
const names = () =>
  z.optional(
    z.custom<string | readonly string[]>(
      (value) => isText(value) || (Array.isArray(value) && value.every(isText)),
      'must be a list of names',
    ),
  );

const settingsShape = {
  timeoutMs: durationMs(),
  deadlineMs: durationMs(),
  maxRetries: count(0),
  maxConcurrent: count(1),
  repairs: count(0),
  version: version(),
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

const PLAIN_DATA = 'must be plain data: text, finite numbers, lists and mappings';

/** Plain JSON, because parameters are part of a cache key and are sent as JSON. */
function isPlainData(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || value === null) return typeof value !== 'bigint';
  return Object.values(value).every(isPlainData);
}

const knownShape = {
  name: z.string('must be text'),
  description: text(),
  model: text(),
  tools: names(),
  instructions: text(),
  params: z.optional(
    mapping<unknown>(
      (value) => (isPlainData(value) ? undefined : PLAIN_DATA),
      'must be a mapping of names to values',
    ),
  ),
  ...settingsShape,
};

const schema = z.catchall(z.object(knownShape), z.custom<unknown>(isPlainData, PLAIN_DATA));

/** Fields that say nothing where nothing stands behind their name. */
const MAY_BE_EMPTY: ReadonlySet<string> = new Set([
  'description',
  'model',
  'tools',
  'instructions',
  'params',
]);

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
    ...(description === undefined ? {} : { description }),
    ...(model === undefined || model === 'inherit' ? {} : { model }),
    ...(tools === undefined ? {} : { tools: toNames(tools) }),
    ...(prompt === undefined ? {} : { instructions: prompt }),
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
  const filled = Object.entries(data.value).filter(
    ([name, value]) => value !== null || !MAY_BE_EMPTY.has(name),
  );
  const parsed = schema.safeParse(Object.fromEntries(filled));
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

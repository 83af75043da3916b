import type { AgentDefinition } from '../contracts/agent.js';
import { AgentFileError } from '../errors/agent-file-error.js';
import { describeValue } from '../input/describe-value.js';
import { numberThat } from '../input/number-schemas.js';
import { mapping, valueThat } from '../input/option-schemas.js';
import { type Issue, type OutputOf, object, optional, Schema } from '../input/schema.js';
import { MAX_TIMER_MS } from '../time/clock.js';
import { allowedName, fileName } from './allowed-name.js';
import { isInherited } from './model-aliases.js';
import type { LinedData } from './yaml-source.js';

/** The content of an agent file. */
export interface AgentFile {
  /** Path of the file. */
  readonly file: string;
  /** The name under which the agent is registered. */
  readonly name: string;
  /** The name as the file has it, if it had to be changed, or its `title` field. */
  readonly title?: string | undefined;
  /** What the agent is for. */
  readonly description?: string | undefined;
  /** The model, as written in the file, of several the first; absent for `inherit`. */
  readonly model?: string | undefined;
  /** Names of the tools it may use; absent if the file does not say. */
  readonly tools?: readonly string[] | undefined;
  /** Names of the tools it may not use. */
  readonly disallowedTools?: readonly string[] | undefined;
  /** The system prompt: the body of a Markdown file, else `instructions` or `prompt`. */
  readonly instructions?: string | undefined;
  /** The content of `params`, and numbers such as `temperature` outside it. */
  readonly params: Readonly<Record<string, unknown>>;
  /** Settings of the agent: `timeoutMs`, `deadlineMs`, `maxRetries`, `maxConcurrent`, `repairs`, `version`. */
  readonly settings: AgentFileSettings;
  /** All other fields. They are not sent to a model. */
  readonly metadata: Readonly<Record<string, unknown>>;
}

// Each message completes "field "<name>": <message>."

const isText = (value: unknown): boolean => typeof value === 'string';
/** YAML reads some texts as numbers, `description: 42` for instance. */
const text = () =>
  optional(
    new Schema<string>((value, path, issues) => {
      if (!isText(value) && !Number.isFinite(value)) {
        issues.push({ path, message: 'must be text', value, isOtherKind: true });
      }
      return String(value);
    }),
  );
const number = () => optional(numberThat(() => true, 'must be a number'));
const durationMs = () =>
  optional(
    numberThat(
      (ms) => ms > 0 && ms <= MAX_TIMER_MS,
      `must be milliseconds above 0 and at most ${MAX_TIMER_MS} (24.8 days)`,
    ),
  );
const count = (least: number) =>
  optional(
    numberThat(
      (things) => Number.isSafeInteger(things) && things >= least,
      `must be a whole number of at least ${least}`,
    ),
  );
const isTexts = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every(isText);
const isSwitches = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  Object.values(value).every((on) => typeof on === 'boolean');
const namesOr = <Other>(isOther: (value: unknown) => boolean, message: string) =>
  optional(
    valueThat<string | readonly string[] | Other>(
      (value) => isText(value) || isTexts(value) || isOther(value),
      message,
      true,
    ),
  );
const noOther = () => false;

const settingsShape = {
  timeoutMs: durationMs(),
  deadlineMs: durationMs(),
  maxRetries: count(0),
  maxConcurrent: count(1),
  repairs: count(0),
  version: text(),
};

/** The agent settings that a file can contain. */
export type AgentFileSettings = Pick<
  AgentDefinition,
  'timeoutMs' | 'deadlineMs' | 'maxRetries' | 'maxConcurrent' | 'repairs' | 'version'
>;

/** Parameters of models that files have outside `params` too. */
const paramsShape = {
  temperature: number(),
  topP: number(),
  top_p: number(),
  topK: number(),
  top_k: number(),
  maxTokens: number(),
  max_tokens: number(),
  seed: number(),
};

const PLAIN_DATA = 'must be plain data: text, finite numbers, lists and mappings';

/** Plain JSON, because parameters are part of a cache key and are sent as JSON. */
function isPlainData(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || value === null) return typeof value !== 'bigint';
  return Object.values(value).every(isPlainData);
}

function wrongParam(value: unknown, name: string): string | undefined {
  if (!isPlainData(value)) return PLAIN_DATA;
  return Object.hasOwn(paramsShape, name) && !Number.isFinite(value) ? 'must be a number' : undefined;
}

const shape = {
  name: text(),
  title: text(),
  description: text(),
  model: namesOr<never>(noOther, 'must be text'),
  tools: namesOr<Record<string, boolean>>(
    isSwitches,
    'must be a list of names, or a mapping of names to true or false',
  ),
  disallowedTools: namesOr<never>(noOther, 'must be a list of names'),
  instructions: text(),
  prompt: text(),
  params: optional(mapping<unknown>(wrongParam, 'must be a mapping of names to values')),
  ...paramsShape,
  ...settingsShape,
};

const schema = object(shape, 'must be a mapping', 'keep');

type Fields = OutputOf<typeof schema> & Readonly<Record<string, unknown>>;

/**
 * Validates the fields of a file and sorts them. Returns `undefined` for an agent that its file turns off.
 *
 * @throws {@link AgentFileError} with the file and the line of the first problem.
 */
export function toAgentFile(data: LinedData, file: string, body?: string): AgentFile | undefined {
  const { name, title, description, model, tools, disallowedTools, instructions, prompt, params, ...rest } =
    checkFields(data, file);
  if (rest.disable === true || rest.disabled === true) return undefined;
  const written = name ?? fileName(file);
  const registered = allowedName(written, file);
  const shown = title ?? (registered === written ? undefined : written);
  const [chosenModel] = typeof model === 'string' ? [model] : (model ?? []);
  const system = [body, instructions, prompt].find((text) => text !== undefined && text !== '');
  return {
    file,
    name: registered,
    ...(shown === undefined ? {} : { title: shown }),
    ...(description === undefined ? {} : { description }),
    ...(chosenModel === undefined || isInherited(chosenModel) ? {} : { model: chosenModel }),
    ...sortTools(tools, disallowedTools),
    ...(system === undefined ? {} : { instructions: system }),
    ...sortRest(rest, params ?? {}),
  };
}

function checkFields(data: LinedData, file: string): Fields {
  const fields = checkMapping(data, file);
  // A field with nothing behind its name says nothing.
  const filled = Object.entries(fields).filter(([, value]) => value !== null && value !== '');
  const issues: Issue[] = [];
  const read = schema.read(Object.fromEntries(filled), [], issues) as Fields;
  const [issue] = issues;
  if (issue !== undefined) {
    throw new AgentFileError(
      file,
      data.lineOf(issue.path),
      `field "${issue.path.join('.')}": ${issue.message}.`,
    );
  }
  refuseForeignPrompts(read, data, file);
  return read;
}

function checkMapping(data: LinedData, file: string): object {
  const { value } = data;
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  const received = value === null ? 'nothing' : describeValue(value);
  throw new AgentFileError(
    file,
    data.lineOf([]),
    `expected fields such as name and description; got ${received}.`,
  );
}

/** An agent whose prompt is elsewhere would load without it. */
function refuseForeignPrompts({ kind, instructions, prompt }: Fields, data: LinedData, file: string): void {
  if (kind === 'remote') {
    throw new AgentFileError(
      file,
      data.lineOf(['kind']),
      'the agent runs on another server; define it with httpAgent instead of a file.',
    );
  }
  const reference = { instructions, prompt };
  for (const [field, text] of Object.entries(reference)) {
    if (text === undefined || !/^(\{file:[^\n]*\}|file:\/\/\S+)$/.test(text)) continue;
    throw new AgentFileError(
      file,
      data.lineOf([field]),
      `field "${field}": the prompt is in another file; write it into this one.`,
    );
  }
}

function sortTools(tools: Fields['tools'], disallowed: Fields['disallowedTools']): Partial<AgentFile> {
  const switches = typeof tools === 'object' && !isTexts(tools) ? Object.entries(tools) : undefined;
  const allowed =
    switches === undefined
      ? toNames(tools as string | readonly string[] | undefined)
      : namesThat(switches, true);
  const refused = [...(toNames(disallowed) ?? []), ...namesThat(switches ?? [], false)];
  return {
    // A mapping that only turns tools off leaves all others on.
    ...(allowed === undefined || (switches !== undefined && allowed.length === 0) ? {} : { tools: allowed }),
    ...(refused.length === 0 ? {} : { disallowedTools: refused }),
  };
}

function namesThat(switches: ReadonlyArray<[string, boolean]>, are: boolean): string[] {
  return switches.filter(([, isOn]) => isOn === are).map(([name]) => name);
}

function sortRest(
  rest: Record<string, unknown>,
  params: Readonly<Record<string, unknown>>,
): Pick<AgentFile, 'params' | 'settings' | 'metadata'> {
  const sorted = { settings: {}, metadata: {}, params: {} } as Record<string, Record<string, unknown>>;
  for (const [key, value] of Object.entries(rest)) {
    const place = Object.hasOwn(settingsShape, key)
      ? 'settings'
      : Object.hasOwn(paramsShape, key)
        ? 'params'
        : 'metadata';
    (sorted[place] as Record<string, unknown>)[key] = value;
  }
  return {
    settings: sorted.settings as AgentFileSettings,
    metadata: sorted.metadata as Record<string, unknown>,
    params: { ...sorted.params, ...params },
  };
}

/**
 * Tool names from a list or from text such as `Read, Bash(git log, git show)`; a comma in brackets belongs to the
 * name.
 */
function toNames(tools: string | readonly string[] | undefined): readonly string[] | undefined {
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

import type { TaskParts } from '../contracts/task-content.js';
import { messageOf } from '../errors/foreign.js';
import { InvalidArgumentError } from '../errors/input-errors.js';
import { TuttiError } from '../errors/tutti-error.js';
import { canonicalJson } from '../hashing/canonical-json.js';
import { expectObject, expectText, mismatch } from '../input/checks.js';
import { describeKind, describeValue } from '../input/describe-value.js';
import { unknownKeyError } from '../input/unknown-key.js';
import { prepareFile } from './prepare-file.js';
import { PreparedContent, PreparedFile, type PreparedPart, type PreparedTurn } from './prepared-content.js';

/** What a task may measure. */
export interface ContentLimits {
  /** Characters of all texts together. */
  readonly maxTaskChars: number;
  /** Bytes of each file. */
  readonly maxFileBytes: number;
}

const TASK_KEYS = ['text', 'messages', 'files'] as const satisfies readonly (keyof TaskParts)[];
const MESSAGE_KEYS = ['role', 'content'];
const PART_KEYS: Readonly<Record<PreparedPart['type'], readonly string[]>> = {
  text: ['type', 'text'],
  file: ['type', 'file'],
  'tool-call': ['type', 'id', 'name', 'input'],
  'tool-result': ['type', 'id', 'output', 'isError'],
};

/**
 * Checks and copies a task that is not a string.
 *
 * @throws {@link InvalidArgumentError} for the first thing in it that is wrong; the message says how to fix it.
 */
export function prepareContent(task: unknown, limits: ContentLimits): PreparedContent {
  if (expectObject(task) !== undefined) {
    throw mismatch(
      'task',
      `a string of 1 to ${limits.maxTaskChars} characters, or { text, messages, files }`,
      task,
    );
  }
  try {
    return new Preparation(limits).prepare(task as Readonly<Record<string, unknown>>);
  } catch (thrown) {
    if (TuttiError.isInstance(thrown)) throw thrown;
    // Reading it runs its getters, and those may throw anything.
    throw new InvalidArgumentError('task', `task: it could not be read: ${messageOf(thrown)}.`, {
      cause: thrown,
    });
  }
}

class Preparation {
  readonly #limits: ContentLimits;
  readonly #files: PreparedFile[] = [];
  /** Tool calls without a result so far: names by id. */
  readonly #openCalls = new Map<string, string>();
  #textChars = 0;

  constructor(limits: ContentLimits) {
    this.#limits = limits;
  }

  prepare(task: Readonly<Record<string, unknown>>): PreparedContent {
    checkKeys(task, TASK_KEYS, 'task');
    const { text, messages, files } = task;
    const turns = messages === undefined ? [] : this.#conversation(messages);
    const last = this.#lastTurn(text, files);
    if (last !== undefined) turns.push(last);
    checkTurns(turns);
    if (this.#textChars > this.#limits.maxTaskChars)
      throw taskTooLarge(this.#textChars, this.#limits.maxTaskChars);
    return new PreparedContent(turns, this.#files, this.#textChars, this.#limits.maxFileBytes);
  }

  /** Files come first: models read a text better after what it is about. */
  #lastTurn(text: unknown, files: unknown): PreparedTurn | undefined {
    if (text !== undefined && expectText(text) !== undefined) {
      throw mismatch('task.text', 'a non-empty string, or to be left out', text);
    }
    if (files !== undefined && !Array.isArray(files))
      throw mismatch('task.files', 'an array of files', files);
    const parts: PreparedPart[] = Array.from((files as unknown[] | undefined) ?? [], (file, index) =>
      this.#filePart(file, `task.files[${index}]`),
    );
    if (text !== undefined) parts.push(this.#textPart(text as string));
    return parts.length === 0 ? undefined : toTurn('user', parts);
  }

  #conversation(messages: unknown): PreparedTurn[] {
    if (!Array.isArray(messages)) throw mismatch('task.messages', 'an array of messages', messages);
    return Array.from(messages, (message, index) => this.#turn(message, `task.messages[${index}]`));
  }

  #turn(message: unknown, field: string): PreparedTurn {
    checkKeys(message, MESSAGE_KEYS, field);
    const { role, content } = message as { role?: unknown; content?: unknown };
    if (role !== 'user' && role !== 'assistant') throw wrongRole(field, role);
    if (role === 'assistant') this.#checkAnswered(field);
    const turn = toTurn(role, this.#parts(content, role, `${field}.content`));
    if (role === 'user') this.#checkAnswered(field);
    return turn;
  }

  #parts(content: unknown, role: PreparedTurn['role'], field: string): PreparedPart[] {
    if (typeof content === 'string' && content !== '') return [this.#textPart(content)];
    if (!Array.isArray(content) || content.length === 0) {
      throw mismatch(field, 'a non-empty string or an array of at least one part', content);
    }
    return Array.from(content, (part, index) => this.#part(part, role, `${field}[${index}]`));
  }

  #part(part: unknown, role: PreparedTurn['role'], field: string): PreparedPart {
    if (expectObject(part) !== undefined) throw mismatch(field, 'a part { type, … }', part);
    const { type } = part as { type?: unknown };
    if (typeof type !== 'string' || !Object.hasOwn(PART_KEYS, type)) {
      const types = Object.keys(PART_KEYS).map((known) => `"${known}"`);
      throw mismatch(`${field}.type`, `one of ${types.join(', ')}`, type);
    }
    const kind = type as PreparedPart['type'];
    checkKeys(part, PART_KEYS[kind], field);
    checkRole(kind, role, field);
    return this.#readPart(kind, part as Readonly<Record<string, unknown>>, field);
  }

  #readPart(
    type: PreparedPart['type'],
    part: Readonly<Record<string, unknown>>,
    field: string,
  ): PreparedPart {
    switch (type) {
      case 'text':
        return this.#textPart(textAt(part.text, `${field}.text`));
      case 'file':
        return this.#filePart(part.file, `${field}.file`);
      case 'tool-call':
        return this.#toolCall(part, field);
      case 'tool-result':
        return this.#toolResult(part, field);
    }
  }

  #textPart(text: string): PreparedPart {
    this.#textChars += text.length;
    return { type: 'text', text };
  }

  #filePart(file: unknown, field: string): PreparedPart {
    const prepared = new PreparedFile(prepareFile(file, field, this.#limits.maxFileBytes), field);
    this.#files.push(prepared);
    return { type: 'file', file: prepared };
  }

  #toolCall(part: Readonly<Record<string, unknown>>, field: string): PreparedPart {
    const id = textAt(part.id, `${field}.id`);
    const name = textAt(part.name, `${field}.name`);
    if (this.#openCalls.has(id)) throw mismatch(`${field}.id`, 'an id that no other open tool call has', id);
    // Also refuses what JSON cannot say: it could not be sent.
    this.#textChars += canonicalJson(part.input, `${field}.input`).length;
    this.#openCalls.set(id, name);
    return { type: 'tool-call', id, name, input: JSON.parse(JSON.stringify(part.input)) };
  }

  #toolResult(part: Readonly<Record<string, unknown>>, field: string): PreparedPart {
    const id = textAt(part.id, `${field}.id`);
    const { output, isError } = part;
    if (typeof output !== 'string') throw mismatch(`${field}.output`, 'a string', output);
    if (isError !== undefined && typeof isError !== 'boolean') {
      throw mismatch(`${field}.isError`, 'true or false', isError);
    }
    const name = this.#openCalls.get(id);
    if (name === undefined) {
      throw mismatch(`${field}.id`, 'the id of a tool call in the message before it', id);
    }
    this.#openCalls.delete(id);
    this.#textChars += output.length;
    return { type: 'tool-result', id, name, output, ...(isError === true ? { isError } : {}) };
  }

  /** Providers reject a conversation that goes on while a tool call has no result. */
  #checkAnswered(field: string): void {
    const [id] = this.#openCalls.keys();
    if (id === undefined) return;
    throw new InvalidArgumentError(
      field,
      `${field}: expected the result of the tool call ${describeValue(id)} before it; add a part { type: 'tool-result', ` +
        'id, output } to the message after the call, or leave out the call.',
    );
  }
}

function toTurn(role: PreparedTurn['role'], parts: readonly PreparedPart[]): PreparedTurn {
  const [only] = parts;
  return { role, content: parts.length === 1 && only?.type === 'text' ? only.text : parts };
}

function checkTurns(turns: readonly PreparedTurn[]): void {
  const last = turns.at(-1);
  if (last === undefined) {
    throw new InvalidArgumentError(
      'task',
      'task: expected at least one of text, messages and files; got an object without any.',
    );
  }
  if (last.role === 'user') return;
  throw new InvalidArgumentError(
    'task.messages',
    'task.messages: expected the last turn to be the user’s; it is the assistant’s. Add text or files to the task, or a ' +
      'message of the user.',
  );
}

function checkKeys(value: unknown, known: readonly string[], field: string): void {
  if (expectObject(value) !== undefined) throw mismatch(field, `an object { ${known.join(', ')} }`, value);
  for (const key of Object.keys(value as object)) {
    if (!known.includes(key)) throw unknownKeyError(field, key, known, 'field');
  }
}

function checkRole(type: PreparedPart['type'], role: PreparedTurn['role'], field: string): void {
  if (type === 'text' || (type === 'tool-call') === (role === 'assistant')) return;
  const owner = type === 'tool-call' ? 'the assistant' : 'the user';
  throw new InvalidArgumentError(
    `${field}.type`,
    `${field}.type: a ${type} belongs to a message of ${owner}; got one in a message of the ${role}.`,
  );
}

function wrongRole(field: string, role: unknown): InvalidArgumentError {
  const hint = role === 'system' ? ' A system prompt is no turn: set `instructions` of the agent.' : '';
  return new InvalidArgumentError(
    `${field}.role`,
    `${field}.role: expected "user" or "assistant"; got ${describeValue(role)}.${hint}`,
  );
}

function textAt(value: unknown, field: string): string {
  if (typeof value === 'string' && value !== '') return value;
  // What it says is the user's.
  throw new InvalidArgumentError(field, `${field}: expected a non-empty string; got ${describeKind(value)}.`);
}

/** A task with too much text. */
export function taskTooLarge(taskChars: number, maxTaskChars: number): InvalidArgumentError {
  return new InvalidArgumentError(
    'task',
    `Task too large: ${taskChars} characters, at most ${maxTaskChars} are allowed; shorten it or raise maxTaskChars.`,
    { details: { taskChars, maxTaskChars } },
  );
}

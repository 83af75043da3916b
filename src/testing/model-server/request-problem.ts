import type { ModelApi } from './scripted-answer.js';

type Json = Readonly<Record<string, unknown>>;

/**
 * What the service behind an API would reject in the conversation of a request, in its words; `undefined` if it would
 * answer. Checked are turns, tool calls with their results, images, documents and files, down to their first bytes.
 */
export function requestProblem(api: ModelApi, body: Json): string | undefined {
  try {
    const { messages, input } = body;
    // Tests of a connection send no conversation at all.
    if (messages === undefined && input === undefined) return undefined;
    if (api === 'messages') checkMessages(listAt(body, 'messages'));
    else if (api === 'chat') checkChat(listAt(body, 'messages'));
    else if (Array.isArray(input)) checkItems(listAt(body, 'input'));
    else expectText(input, 'input');
    return undefined;
  } catch (problem) {
    return (problem as Error).message;
  }
}

function reject(where: string, what: string): never {
  throw new Error(`${where}: ${what}`);
}

function expectText(value: unknown, where: string): asserts value is string {
  if (typeof value !== 'string' || value === '') reject(where, 'text content must be non-empty');
}

function listAt(object: Json, key: string, where = key): Json[] {
  const list = object[key];
  if (!Array.isArray(list) || list.length === 0) reject(where, 'at least one element is required');
  return list as Json[];
}

// The Messages API.

function checkMessages(messages: readonly Json[]): void {
  if (messages[0]?.role !== 'user') reject('messages.0.role', 'first message must use the user role');
  let calls: ReadonlySet<unknown> = new Set();
  for (const [index, message] of messages.entries()) {
    const where = `messages.${index}`;
    const { role, content } = message;
    if (role !== 'user' && role !== 'assistant') reject(`${where}.role`, `unexpected role ${String(role)}`);
    if (role === messages[index - 1]?.role) reject(`${where}.role`, 'roles must alternate');
    const blocks = Array.isArray(content) ? listAt(message, 'content', `${where}.content`) : undefined;
    if (blocks === undefined) expectText(content, `${where}.content`);
    for (const [place, block] of (blocks ?? []).entries()) {
      const at = `${where}.content.${place}`;
      if (role === 'user') checkUserBlock(block, at);
      else if (block.type === 'text') expectText(block.text, at);
    }
    calls = checkResults(role, blocks ?? [], calls, where);
  }
  if (calls.size > 0) reject('messages', '`tool_use` ids were found without `tool_result` blocks');
}

/** Every call has its result at the start of the next turn. Returns the calls of this one. */
function checkResults(
  role: unknown,
  blocks: readonly Json[],
  calls: ReadonlySet<unknown>,
  where: string,
): ReadonlySet<unknown> {
  const results = blocks.filter(({ type }) => type === 'tool_result');
  if (blocks.slice(0, results.length).some(({ type }) => type !== 'tool_result')) {
    reject(where, '`tool_result` blocks must come first');
  }
  const answered = new Set(results.map((result) => result.tool_use_id));
  for (const id of calls)
    if (!answered.has(id)) reject(where, `\`tool_use\` ${String(id)} has no \`tool_result\``);
  for (const id of answered) if (!calls.has(id)) reject(where, `unexpected \`tool_use_id\` ${String(id)}`);
  if (role !== 'assistant') return new Set();
  return new Set(blocks.flatMap(({ type, id }) => (type === 'tool_use' ? [id] : [])));
}

function checkUserBlock(block: Json, where: string): void {
  const source = (block.source ?? {}) as Json;
  if (block.type === 'text') expectText(block.text, where);
  else if (block.type === 'image') checkSource(source, IMAGES, where);
  else if (block.type === 'document' && source.type === 'text') {
    if (source.media_type !== 'text/plain') reject(`${where}.source.media_type`, 'should be text/plain');
    expectText(source.data, `${where}.source.data`);
  } else if (block.type === 'document') checkSource(source, PDFS, where);
  else if (block.type !== 'tool_result')
    reject(`${where}.type`, `${String(block.type)} is not a type of content`);
}

function checkSource({ type, media_type, data }: Json, signatures: Signatures, where: string): void {
  if (type !== 'url') checkBytes(media_type, data, signatures, where);
}

// The Chat Completions API.

function checkChat(messages: readonly Json[]): void {
  let open = new Set<unknown>();
  for (const [index, message] of messages.entries()) {
    const where = `messages[${index}]`;
    const { role, content } = message;
    if (role === 'tool') {
      if (!open.delete(message.tool_call_id))
        reject(where, "'tool' must be a response to a preceding 'tool_calls'");
      continue;
    }
    if (open.size > 0)
      reject(where, 'an assistant message with tool_calls must be followed by tool messages');
    if (role === 'user' && Array.isArray(content)) eachPart(content, `${where}.content`, checkChatPart);
    else if (role === 'user' && typeof content !== 'string')
      reject(where, 'content must be a string or an array');
    const calls = Array.isArray(message.tool_calls) ? (message.tool_calls as Json[]) : [];
    open = new Set(calls.map(({ id }) => id));
  }
  if (open.size > 0)
    reject('messages', 'an assistant message with tool_calls must be followed by tool messages');
}

function checkChatPart(part: Json, where: string): void {
  if (part.type === 'text') expectText(part.text, where);
  else if (part.type === 'image_url') checkUrl((part.image_url as Json | undefined)?.url, IMAGES, where);
  else if (part.type === 'file') checkFile(part.file as Json | undefined, where);
  else reject(`${where}.type`, `invalid value: ${String(part.type)}`);
}

// The Responses API.

function checkItems(items: readonly Json[]): void {
  const open = new Set<unknown>();
  for (const [index, item] of items.entries()) {
    const where = `input[${index}]`;
    if (item.type === 'function_call') open.add(item.call_id);
    else if (item.type === 'function_call_output') {
      if (!open.delete(item.call_id)) reject(where, `no tool call found for call_id ${String(item.call_id)}`);
    } else if (item.role === 'user' && Array.isArray(item.content)) {
      eachPart(item.content, `${where}.content`, checkInputPart);
    }
  }
  const [id] = open;
  if (id !== undefined) reject('input', `no tool output found for function call ${String(id)}`);
}

function checkInputPart(part: Json, where: string): void {
  if (part.type === 'input_text') expectText(part.text, where);
  else if (part.type === 'input_image') checkUrl(part.image_url, IMAGES, where);
  else if (part.type === 'input_file') checkFile(part, where);
  else reject(`${where}.type`, `invalid value: ${String(part.type)}`);
}

function eachPart(parts: readonly Json[], where: string, check: (part: Json, where: string) => void): void {
  for (const [index, part] of parts.entries()) check(part, `${where}[${index}]`);
}

// Bytes.

/** How files of each media type begin. */
type Signatures = Readonly<Record<string, string>>;

const IMAGES: Signatures = {
  'image/png': '\x89PNG\r\n\x1a\n',
  'image/jpeg': '\xff\xd8\xff',
  'image/gif': 'GIF8',
  'image/webp': 'RIFF',
};
const PDFS: Signatures = { 'application/pdf': '%PDF-' };

function checkFile(file: Json | undefined, where: string): void {
  expectText(file?.filename, `${where}.filename`);
  checkUrl(file.file_data, PDFS, where);
}

function checkUrl(url: unknown, signatures: Signatures, where: string): void {
  if (typeof url !== 'string') reject(where, 'expected a URL');
  if (/^https?:/.test(url)) return;
  const [, mediaType, data] = /^data:([^;,]+);base64,(.*)$/s.exec(url) ?? [];
  checkBytes(mediaType, data, signatures, where);
}

function checkBytes(mediaType: unknown, data: unknown, signatures: Signatures, where: string): void {
  const known = typeof mediaType === 'string' && Object.hasOwn(signatures, mediaType);
  if (!known) reject(`${where}.media_type`, `should be ${Object.keys(signatures).join(', ')}`);
  const text = typeof data === 'string' ? data : '';
  const bytes = Buffer.from(text, 'base64');
  if (text === '' || bytes.toString('base64') !== text) reject(where, 'invalid base64 data');
  if (!bytes.toString('latin1').startsWith(signatures[mediaType] as string)) {
    reject(where, `the file does not match the media type ${mediaType}`);
  }
}

// Covers: src/content/prepared-content.ts, src/content/prepare-file.ts, src/calls/admission/check-call-options.ts
import { describe, expect, test } from '@jest/globals';
import { prepareContent } from '../../src/content/prepare-content.js';
import type { PreparedContent } from '../../src/content/prepared-content.js';
import type { TaskParts } from '../../src/contracts/task-content.js';
import { png } from './sample-files.js';

const LIMITS = { maxTaskChars: 1_000, maxFileBytes: 100 };
const prepare = (task: unknown): PreparedContent => prepareContent(task, LIMITS);
const picture = { data: png(), mediaType: 'image/png' };

function refusal(task: unknown): { code: string; field: string; message: string } {
  try {
    prepare(task);
  } catch (error) {
    return error as { code: string; field: string; message: string };
  }
  throw new Error('it was accepted');
}

const call = { type: 'tool-call', id: 'a', name: 'add', input: { x: 1 } };
const result = { type: 'tool-result', id: 'a', output: '2' };
const user = (...content: unknown[]) => ({ role: 'user', content });
const assistant = (...content: unknown[]) => ({ role: 'assistant', content });

describe('a task that is not a string', () => {
  test('is one turn of files and text, in that order, after its messages', () => {
    const task: TaskParts = {
      messages: [
        { role: 'user', content: 'hello' },
        { role: 'assistant', content: [{ type: 'text', text: 'hi' }] },
      ],
      files: [picture, { path: 'notes.txt' }],
      text: 'what is this?',
    };
    const content = prepare(task);
    expect(content.turns.map(({ role }) => role)).toEqual(['user', 'assistant', 'user']);
    expect(content.lastMessage).toEqual({
      role: 'user',
      content: [
        { type: 'file', file: picture },
        { type: 'file', file: { path: 'notes.txt' } },
        { type: 'text', text: 'what is this?' },
      ],
    });
    expect(content.input).toEqual({
      text: 'what is this?',
      messages: [
        { role: 'user', content: 'hello' },
        { role: 'assistant', content: 'hi' },
      ],
      files: [picture, { path: 'notes.txt' }],
    });
    expect(content.textChars).toBe('hello'.length + 'hi'.length + 'what is this?'.length);
  });

  test('is the same as its text if it is nothing else', () => {
    expect(prepare({ text: 'a' }).isText).toBe(true);
    expect(prepare({ messages: [{ role: 'user', content: 'a' }] }).isText).toBe(true);
    expect(prepare({ messages: [user({ type: 'text', text: 'a' })] }).isText).toBe(true);
    expect(prepare({ text: 'a', files: [picture] }).isText).toBe(false);
  });

  test('has the last message of the user as its text if it has no other', () => {
    const { input, text } = prepare({
      messages: [
        { role: 'assistant', content: 'well?' },
        user({ type: 'text', text: 'one' }, { type: 'file', file: picture }, { type: 'text', text: 'two' }),
      ],
    });
    expect(text).toBe('one\ntwo');
    expect(input).toEqual({ text, messages: [{ role: 'assistant', content: 'well?' }], files: [picture] });
  });

  test('keeps results of tools where they are', () => {
    const content = prepare({
      messages: [user({ type: 'text', text: '1 + 1?' }), assistant(call), user(result)],
    });
    expect(content.input).toMatchObject({ text: '', messages: [{}, {}, { content: [result] }], files: [] });
    expect(content.isConversation).toBe(true);
    expect(content.turns[2]?.content).toEqual([{ ...result, name: 'add' }]);
  });

  test('is copied: what happens to its arrays afterwards changes nothing', () => {
    const messages = [
      { role: 'user', content: [{ type: 'text', text: 'first' }] },
      assistant(call),
      user(result),
    ];
    const content = prepare({ messages, text: 'last' });
    messages[0] = { role: 'user', content: [] };
    messages.push(user(call));
    call.input.x = 2;
    expect(content.turns).toHaveLength(4);
    expect(content.turns[0]?.content).toBe('first');
    expect(content.turns[1]?.content).toMatchObject([{ input: { x: 1 } }]);
    call.input.x = 1;
  });

  test.each([
    ['no object', 42, 'task', /a string of 1 to 1000 characters, or \{ text, messages, files \}; got 42/],
    ['null', null, 'task', /got null/],
    ['empty', {}, 'task', /at least one of text, messages and files/],
    ['empty lists', { messages: [], files: [] }, 'task', /at least one of/],
    ['an unknown field', { txt: 'a' }, 'task.txt', /Did you mean "text"/],
    ['a text that is none', { text: 1 }, 'task.text', /a non-empty string, or to be left out; got 1/],
    ['an empty text', { text: '', files: [picture] }, 'task.text', /non-empty/],
    ['files that are no list', { files: picture }, 'task.files', /an array of files; got an object/],
    ['messages that are no list', { messages: 'hi' }, 'task.messages', /an array of messages/],
    ['a message that is none', { messages: ['hi'] }, 'task.messages[0]', /an object \{ role, content \}/],
    ['a hole', { messages: new Array(1) }, 'task.messages[0]', /got undefined/],
    [
      'a system prompt',
      { messages: [{ role: 'system', content: 'a' }] },
      'task.messages[0].role',
      /"user" or "assistant"; got "system"\. A system prompt is no turn: set `instructions`/,
    ],
    [
      'an unknown key of a message',
      { messages: [{ ...user('a'), name: 'x' }] },
      'task.messages[0].name',
      /Unknown/,
    ],
    ['no content', { messages: [user()] }, 'task.messages[0].content', /a non-empty string or an array/],
    [
      'a part that is none',
      { messages: [user(1)] },
      'task.messages[0].content[0]',
      /a part \{ type, … \}; got 1/,
    ],
    [
      'an unknown part',
      { messages: [user({ type: 'image_url' })] },
      'task.messages[0].content[0].type',
      /one of "text", "file", "tool-call", "tool-result"; got "image_url"/,
    ],
    [
      'a prototype as part',
      { messages: [user({ type: 'constructor' })] },
      'task.messages[0].content[0].type',
      /one of/,
    ],
    [
      'an empty part',
      { messages: [user({ type: 'text', text: '' })] },
      'task.messages[0].content[0].text',
      /empty/,
    ],
    [
      'a file of the assistant',
      { messages: [assistant({ type: 'file', file: picture }), user('a')] },
      'task.messages[0].content[0].type',
      /a file belongs to a message of the user/,
    ],
    [
      'a tool call of the user',
      { messages: [user(call)] },
      'task.messages[0].content[0].type',
      /a tool-call belongs to a message of the assistant/,
    ],
    [
      'a tool input that JSON cannot say',
      { messages: [assistant({ ...call, input: { at: new Date() } })], text: 'a' },
      'task.messages[0].content[0].input.at',
      /expected a JSON value/,
    ],
    [
      'a result without a call',
      { messages: [user(result)] },
      'task.messages[0].content[0].id',
      /the id of a tool call in the message before it; got "a"/,
    ],
    [
      'a call without a result',
      { messages: [assistant(call), user({ type: 'text', text: 'go on' })] },
      'task.messages[1]',
      /expected the result of the tool call "a" before it/,
    ],
    [
      'the same call twice',
      { messages: [assistant(call, call)] },
      'task.messages[0].content[1].id',
      /no other open/,
    ],
    [
      'a result that is no text',
      { messages: [assistant(call), user({ ...result, output: 2 })] },
      'task.messages[1].content[0].output',
      /a string; got 2/,
    ],
    [
      'a flag that is none',
      { messages: [assistant(call), user({ ...result, isError: 'no' })] },
      'task.messages[1].content[0].isError',
      /true or false/,
    ],
    [
      'the assistant at the end',
      { messages: [assistant({ type: 'text', text: 'a' })] },
      'task.messages',
      /Add text/,
    ],
    [
      'an open call at the end',
      { messages: [assistant(call)] },
      'task.messages',
      /the last turn to be the user’s/,
    ],
    [
      'too much text',
      { text: 'a'.repeat(600), messages: [user({ type: 'text', text: 'b'.repeat(401) })] },
      'task',
      /1001 characters, at most 1000/,
    ],
    [
      'a file that is none',
      { files: ['a.png'] },
      'task.files[0]',
      /\{ path \}, \{ data, mediaType, name\? \} or/,
    ],
    [
      'a file without a source',
      { files: [{ mediaType: 'image/png' }] },
      'task.files[0]',
      /none of path, data and url/,
    ],
    ['a file with two sources', { files: [{ path: 'a', url: 'b' }] }, 'task.files[0]', /got path and url/],
    [
      'an unknown key of a file',
      { files: [{ path: 'a', mimeType: 'b' }] },
      'task.files[0].mimeType',
      /Unknown field/,
    ],
    ['an empty path', { files: [{ path: '' }] }, 'task.files[0].path', /a path; got an empty string/],
    ['a path with NUL', { files: [{ path: 'a\0b' }] }, 'task.files[0].path', /NUL/],
    [
      'base64',
      { files: [{ data: 'aGk=', mediaType: 'text/plain' }] },
      'task.files[0].data',
      /Buffer\.from\(text, "base64"\)/,
    ],
    [
      'other bytes',
      { files: [{ data: new Uint16Array(2), mediaType: 'text/plain' }] },
      'task.files[0].data',
      /a Uint8Array/,
    ],
    [
      'no media type',
      { files: [{ data: png() }] },
      'task.files[0].mediaType',
      /for instance "image\/png"; got undefined/,
    ],
    [
      'a media type that is none',
      { files: [{ ...picture, mediaType: 'png' }] },
      'task.files[0].mediaType',
      /got "png"/,
    ],
    [
      'a name that is none',
      { files: [{ ...picture, name: 1 }] },
      'task.files[0].name',
      /a non-empty string; got 1/,
    ],
    ['no bytes', { files: [{ ...picture, data: new Uint8Array() }] }, 'task.files[0]', /it is empty/],
    [
      'too many bytes',
      { files: [{ ...picture, data: new Uint8Array(101) }] },
      'task.files[0]',
      /File too large: 101 bytes, at most 100/,
    ],
    ['a file URL', { files: [{ url: 'file:///etc/hosts' }] }, 'task.files[0].url', /Use \{ path \}/],
    ['a URL that is none', { files: [{ url: 'https://' }] }, 'task.files[0].url', /starts with http/],
    [
      'a file of a message',
      { messages: [user({ type: 'file', file: {} })] },
      'task.messages[0].content[0].file',
      /none of/,
    ],
  ])('is refused with what is wrong where: %s', (_what, task, field, message) => {
    const error = refusal(task);
    expect(error).toMatchObject({ code: 'TUTTI_INVALID_ARGUMENT', field });
    expect(error.message).toMatch(message);
  });

  test('is refused if it cannot even be read', () => {
    const broken = Object.defineProperty({}, 'text', {
      enumerable: true,
      get: () => {
        throw new Error('no');
      },
    });
    expect(refusal(broken)).toMatchObject({ field: 'task', message: 'task: it could not be read: no.' });
  });

  test('is refused without showing what it says', () => {
    const secret = 'a private text that nobody is meant to see';
    for (const task of [
      { text: [secret] },
      { messages: [{ role: secret, content: 'a' }] },
      { messages: [user({ type: 'text', text: [secret] })] },
      { files: [{ url: `ftp://${secret}` }] },
      { files: [{ ...picture, mediaType: secret }] },
    ]) {
      expect(refusal(task).message).not.toContain('private');
    }
  });
});

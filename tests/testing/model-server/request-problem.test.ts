import { describe, expect, test } from '@jest/globals';
import { requestProblem } from '../../../src/testing/model-server/request-problem.js';
import { gif, jpeg, pdf, png, webp } from '../../content/sample-files.js';

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const user = (...content: unknown[]) => ({ role: 'user', content });
const assistant = (...content: unknown[]) => ({ role: 'assistant', content });
const image = (media_type: string, data: string) => ({
  type: 'image',
  source: { type: 'base64', media_type, data },
});
const document = (source: object) => ({ type: 'document', source });
const dataUrl = (type: string, bytes: Uint8Array) => `data:${type};base64,${base64(bytes)}`;

describe('the Messages API', () => {
  const problem = (...messages: unknown[]) => requestProblem('messages', { messages });
  const call = { type: 'tool_use', id: 'a', name: 'add', input: {} };
  const result = { type: 'tool_result', tool_use_id: 'a', content: '3' };

  test('takes what the real one takes', () => {
    expect(
      problem(
        user(
          image('image/png', base64(png())),
          image('image/jpeg', base64(jpeg(1, 1))),
          image('image/gif', base64(gif(1, 1))),
          image('image/webp', base64(webp('VP8X', 1, 1))),
          { type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } },
          document({ type: 'base64', media_type: 'application/pdf', data: base64(pdf(1)) }),
          document({ type: 'text', media_type: 'text/plain', data: 'a' }),
          document({ type: 'url', url: 'https://example.com/a.pdf' }),
        ),
        assistant({ type: 'thinking', thinking: '' }, call),
        user(result, { type: 'text', text: 'and?' }),
        { role: 'assistant', content: 'prefilled' },
      ),
    ).toBeUndefined();
  });

  test.each([
    ['no messages', [], /at least one/],
    ['the assistant first', [assistant({ type: 'text', text: 'a' })], /first message must use the user role/],
    [
      'another role',
      [
        { role: 'user', content: 'a' },
        { role: 'system', content: 'a' },
      ],
      /unexpected role system/,
    ],
    ['the same role twice', [{ role: 'user', content: 'a' }, user({ type: 'text', text: 'b' })], /alternate/],
    ['empty text', [{ role: 'user', content: '' }], /non-empty/],
    ['an empty block', [user({ type: 'text', text: '' })], /content\.0: text content must be non-empty/],
    [
      'an empty block of the assistant',
      [user({ type: 'text', text: 'a' }), assistant({ type: 'text', text: '' })],
      /non-empty/,
    ],
    ['no blocks', [user()], /at least one/],
    ['a block of another API', [user({ type: 'image_url' })], /image_url is not a type/],
    ['an image of another type', [user(image('image/svg+xml', base64(png())))], /should be image\/png/],
    [
      'an image with a wrong type',
      [user(image('image/jpeg', base64(png())))],
      /does not match the media type/,
    ],
    ['broken base64', [user(image('image/png', 'a b'))], /invalid base64/],
    ['a data URL', [user(image('image/png', dataUrl('image/png', png())))], /invalid base64/],
    [
      'a document that is no PDF',
      [user(document({ type: 'base64', media_type: 'application/pdf', data: base64(png()) }))],
      /does not match/,
    ],
    [
      'a text document with another type',
      [user(document({ type: 'text', media_type: 'text/csv', data: 'a' }))],
      /text\/plain/,
    ],
    [
      'a call without a result',
      [user({ type: 'text', text: 'a' }), assistant(call)],
      /without `tool_result`/,
    ],
    [
      'a call whose result is missing',
      [user({ type: 'text', text: 'a' }), assistant(call), user({ type: 'text', text: 'b' })],
      /has no `tool_result`/,
    ],
    ['a result without a call', [user(result)], /unexpected `tool_use_id` a/],
    [
      'a result after text',
      [user({ type: 'text', text: 'a' }), assistant(call), user({ type: 'text', text: 'b' }, result)],
      /must come first/,
    ],
  ])('rejects %s', (_what, messages, expected) => {
    expect(problem(...messages)).toMatch(expected);
  });
});

describe('the Chat Completions API', () => {
  const problem = (...messages: unknown[]) => requestProblem('chat', { messages });
  const call = { role: 'assistant', content: null, tool_calls: [{ id: 'a', type: 'function' }] };
  const file = (file_data: string, filename: string | undefined = 'a.pdf') => ({
    type: 'file',
    file: { filename, file_data },
  });

  test('takes what the real one takes', () => {
    const picture = { type: 'image_url', image_url: { url: dataUrl('image/png', png()) } };
    const linked = { type: 'image_url', image_url: { url: 'https://example.com/a.png' } };
    const paper = file(dataUrl('application/pdf', pdf(1)));
    const result = { role: 'tool', tool_call_id: 'a', content: '3' };
    expect(
      problem({ role: 'system', content: 'a' }, user(picture, linked, paper), call, result),
    ).toBeUndefined();
  });

  test.each([
    ['a part of another API', [user({ type: 'input_text', text: 'a' })], /invalid value: input_text/],
    ['no content', [{ role: 'user' }], /string or an array/],
    ['bare base64', [user({ type: 'image_url', image_url: { url: base64(png()) } })], /should be image\/png/],
    ['no image', [user({ type: 'image_url' })], /expected a URL/],
    [
      'a file without a name',
      [user({ type: 'file', file: { file_data: dataUrl('application/pdf', pdf(1)) } })],
      /filename/,
    ],
    ['a file that is no PDF', [user(file(dataUrl('text/plain', Buffer.from('a'))))], /application\/pdf/],
    ['a call without a result', [call], /must be followed by tool messages/],
    [
      'a user between call and result',
      [call, { role: 'user', content: 'a' }],
      /must be followed by tool messages/,
    ],
    ['a result without a call', [{ role: 'tool', tool_call_id: 'b', content: '' }], /preceding 'tool_calls'/],
  ])('rejects %s', (_what, messages, expected) => {
    expect(problem(...messages)).toMatch(expected);
  });
});

describe('the Responses API', () => {
  const problem = (...input: unknown[]) => requestProblem('responses', { input });
  const call = { type: 'function_call', call_id: 'a', name: 'add', arguments: '{}' };

  test('takes what the real one takes', () => {
    expect(requestProblem('responses', { input: 'hello' })).toBeUndefined();
    const parts = [
      { type: 'input_text', text: 'a' },
      { type: 'input_image', image_url: dataUrl('image/gif', gif(1, 1)) },
      { type: 'input_file', filename: 'a.pdf', file_data: dataUrl('application/pdf', pdf(1)) },
    ];
    expect(
      problem(user(...parts), call, { type: 'function_call_output', call_id: 'a', output: '3' }),
    ).toBeUndefined();
  });

  test.each([
    ['a part of another API', [user({ type: 'text', text: 'a' })], /invalid value: text/],
    [
      'an image as an object',
      [user({ type: 'input_image', image_url: { url: 'https://example.com' } })],
      /expected a URL/,
    ],
    [
      'a file without a name',
      [user({ type: 'input_file', file_data: dataUrl('application/pdf', pdf(1)) })],
      /filename/,
    ],
    ['a call without a result', [call], /no tool output found for function call a/],
    [
      'a result without a call',
      [{ type: 'function_call_output', call_id: 'b' }],
      /no tool call found for call_id b/,
    ],
  ])('rejects %s', (_what, input, expected) => {
    expect(problem(...input)).toMatch(expected);
  });

  test('rejects an empty input', () => {
    expect(requestProblem('responses', { input: '' })).toMatch(/non-empty/);
  });
});

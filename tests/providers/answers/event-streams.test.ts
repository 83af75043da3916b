// Covers: src/providers/transport/answer-events.ts
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { END_MARK, readStreamedAnswer } from '../../../src/providers/transport/answer-events.js';
import { collect, providerOf, rejection, stream, textOf } from '../provider-request.js';
import { PROTOCOLS, sendEvents, WireServer } from './wire-server.js';

let server: WireServer;
beforeEach(async () => {
  server = new WireServer();
  await server.listen();
});
afterEach(() => server.close());

/** The events of an answer with the text "Hé🙂llo", as each protocol has them. */
const EVENTS: Readonly<Record<string, readonly { type?: string }[]>> = {
  'Chat Completions': [
    { choices: [{ delta: { content: 'Hé' } }] },
    { choices: [{ delta: { content: '🙂llo' } }] },
    { choices: [{ delta: {}, finish_reason: 'stop' }] },
  ] as never,
  Messages: [
    { type: 'message_start' },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: 'Hé' } } as never,
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: '🙂llo' } } as never,
    { type: 'content_block_stop', index: 0 } as never,
    { type: 'message_delta', delta: { stop_reason: 'end_turn' } } as never,
    { type: 'message_stop' },
  ],
  Responses: [
    { type: 'response.output_text.delta', delta: 'Hé' } as never,
    { type: 'response.output_text.delta', delta: '🙂llo' } as never,
    { type: 'response.completed', response: { status: 'completed' } } as never,
  ],
};

const data = (event: object): string => `data: ${JSON.stringify(event)}`;
const named = (event: { type?: string }, line: string): string =>
  event.type === undefined ? line : `event: ${event.type}\n${line}`;
const typeless = ({ type: _type, ...rest }: { type?: string }): object => rest;

/** How servers and proxies frame events. */
const FRAMES: Readonly<Record<string, (events: readonly { type?: string }[]) => string>> = {
  'without names': (events) => events.map((event) => `${data(event)}\n\n`).join(''),
  'with names': (events) => events.map((event) => `${named(event, data(event))}\n\n`).join(''),
  'with the name last': (events) =>
    events
      .map((event) => `${data(event)}${event.type === undefined ? '' : `\nevent: ${event.type}`}\n\n`)
      .join(''),
  'with the type only in the name': (events) =>
    events
      .map((event) => `${named(event, data(event.type === undefined ? event : typeless(event)))}\n\n`)
      .join(''),
  'without spaces': (events) => events.map((event) => `data:${JSON.stringify(event)}\n\n`).join(''),
  'with CR': (events) => events.map((event) => `${data(event)}\r\r`).join(''),
  'with CRLF': (events) => events.map((event) => `${data(event)}\r\n\r\n`).join(''),
  'after a byte order mark': (events) => `\ufeff${events.map((event) => `${data(event)}\n\n`).join('')}`,
  'with comments': (events) =>
    `: PROCESSING\n\n${events.map((event) => `${data(event)}\n\n: ping\n\n`).join('')}`,
  'with ids and retry': (events) =>
    `retry: 3000\n\n${events.map((event, id) => `id: ${id}\n${data(event)}\n\n`).join('')}`,
  'with null, {} and numbers between': (events) =>
    `data: null\n\ndata: {}\n\ndata: 5\n\ndata:\n\n${events.map((event) => `${data(event)}\n\n`).join('')}`,
  'with JSON over several lines': (events) =>
    events
      .map(
        (event) =>
          `${JSON.stringify(event, null, 1)
            .split('\n')
            .map((line) => `data: ${line}`)
            .join('\n')}\n\n`,
      )
      .join(''),
  'without a blank line at the end': (events) => events.map(data).join('\n\n'),
  'after blank lines': (events) => `\n\n\n${events.map((event) => `${data(event)}\n\n`).join('')}`,
};
const LABELS = [
  'text/event-stream',
  'Text/Event-Stream; charset=utf-8',
  'application/json',
  'text/plain',
  undefined,
];

describe.each(PROTOCOLS)('a stream of %s', (name, protocol) => {
  test.each(Object.entries(FRAMES))(
    '%s is read under any label, in pieces of any size',
    async (_frames, write) => {
      const bytes = Buffer.from(write(EVENTS[name] ?? []));
      for (const [place, label] of LABELS.entries()) {
        server.answer = (response) => {
          response.writeHead(200, label === undefined ? {} : { 'content-type': label });
          const size = [1, 7, 64, 1_000, 5][place] as number;
          for (let at = 0; at < bytes.length; at += size) response.write(bytes.subarray(at, at + size));
          response.end();
        };
        const agent = protocol.agent(server.url);
        const events = await collect(stream(agent));
        expect(textOf(events)).toBe('Hé🙂llo');
        expect(events.at(-1)).toEqual({ type: 'finish', finishReason: 'stop' });
        await providerOf(agent).close?.();
      }
    },
  );

  test.each([
    ['an unnamed error', (_events: string) => 'data: {"error":{"code":503,"message":"REASON-7"}}\n\n'],
    ['a named error', () => 'event: error\ndata: {"error":{"code":503,"message":"REASON-7"}}\n\n'],
    [
      'a named error without its own object',
      () => 'event: error\ndata: {"code":503,"message":"REASON-7"}\n\n',
    ],
    [
      'an error of a typed kind',
      () => 'data: {"type":"error","error":{"type":"overloaded_error","message":"REASON-7"}}\n\n',
    ],
    ['an error object', () => 'data: {"object":"error","message":"REASON-7","code":503}\n\n'],
  ])('that brings %s fails with it, first or after text', async (_kind, error) => {
    const [first = {}] = (EVENTS[name] ?? []).filter((event) => JSON.stringify(event).includes('Hé'));
    for (const before of ['', `${data(first)}\n\n`]) {
      server.answer = (response) => sendEvents(response, [], before + error(''));
      const agent = protocol.agent(server.url);
      const failure = await rejection(collect(stream(agent)));
      expect(failure).toMatchObject({ code: 'TUTTI_PROVIDER_OVERLOADED', retryable: true });
      expect(failure.message).toContain('REASON-7');
      await providerOf(agent).close?.();
    }
  });

  test('of half characters has whole ones', async () => {
    const [high, low] = ['\ud83d', '\ude42'];
    const halves = (EVENTS[name] ?? []).map((event) =>
      JSON.stringify(event).replace('Hé', `A${high}`).replace('🙂llo', `${low}B${high}`),
    );
    server.answer = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(
        halves
          .map((json) => `data: ${json.replaceAll(high, '\\ud83d').replaceAll(low, '\\ude42')}\n\n`)
          .join(''),
      );
    };
    const agent = protocol.agent(server.url);
    const texts = (await collect(stream(agent))).flatMap((event) =>
      event.type === 'text-delta' ? event.text : [],
    );
    expect(texts).toEqual(['A', '🙂B', '\ufffd']);
    await providerOf(agent).close?.();
  });
});

describe('readStreamedAnswer', () => {
  async function* bytes(...texts: string[]): AsyncGenerator<Uint8Array, void, undefined> {
    for (const text of texts) yield Buffer.from(text);
  }

  test('tells event streams from other text', async () => {
    for (const text of ['{"a":1}', '<html>x</html>', 'Bad gateway', '', '[1]', 'internal error: x']) {
      expect(await readStreamedAnswer(bytes(...text), () => {})).toEqual({ text });
    }
  });

  test('reports every piece, and yields the end mark', async () => {
    let pieces = 0;
    const answer = await readStreamedAnswer(bytes(': hi\n', 'data: {"a":1}\n\n', 'data: [DONE]\n\n'), () => {
      pieces += 1;
    });
    const events: unknown[] = [];
    if ('events' in answer) for await (const event of answer.events) events.push(event);
    expect(events).toEqual([{ a: 1 }, END_MARK]);
    expect(pieces).toBe(3);
  });
});

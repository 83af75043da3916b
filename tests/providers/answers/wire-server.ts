import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AgentDefinition } from '../../../src/contracts/agent.js';
import { anthropic } from '../../../src/providers/anthropic/anthropic.js';
import { openai } from '../../../src/providers/openai/openai.js';

/** The body of a request, parsed. */
export type Body = Record<string, unknown> & { messages?: Record<string, unknown>[]; stream?: boolean };

/** A server on 127.0.0.1 whose answers a test writes byte by byte. */
export class WireServer {
  readonly bodies: Body[] = [];
  readonly headers: IncomingHttpHeaders[] = [];
  answer: (response: ServerResponse, body: Body) => void = (response) => response.end();
  readonly #server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => {
      text += chunk;
    });
    request.on('end', () => {
      const body = (text === '' ? {} : JSON.parse(text)) as Body;
      this.bodies.push(body);
      this.headers.push(request.headers);
      this.answer(response, body);
    });
  });

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

export function sendJson(response: ServerResponse, body: unknown, status = 200, headers: object = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

export function sendEvents(response: ServerResponse, events: readonly object[], end = ''): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.end(events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('') + end);
}

/** One answer, in the words of a protocol. */
export interface Answer {
  readonly text?: string;
  /** The tool's input as the server writes it; absent for no tool call. */
  readonly args?: unknown;
  /** Why it ended; `undefined` leaves the field out. */
  readonly reason?: unknown;
}

/** One protocol: its agent, and how a server writes an answer. */
export interface Protocol {
  readonly agent: (url: string, options?: object) => AgentDefinition;
  readonly send: (response: ServerResponse, answer: Answer, isStreamed: boolean) => void;
}

const id = { id: 'x1' };

const chat: Protocol = {
  agent: (url, options) =>
    openai({ model: 'm', apiKey: 'k', baseURL: `${url}/v1`, ...options }) as AgentDefinition,
  send: (response, { text = '', args, reason }, isStreamed) => {
    const call = {
      ...id,
      type: 'function',
      function: { name: 'now', ...(args === undefined ? {} : { arguments: args }) },
    };
    const calls = args === undefined ? {} : { tool_calls: [{ index: 0, ...call }] };
    const end = reason === undefined ? {} : { finish_reason: reason };
    const usage = { prompt_tokens: 1, completion_tokens: 1 };
    if (!isStreamed)
      sendJson(response, { choices: [{ message: { content: text, ...calls }, ...end }], usage });
    else {
      const pieces = [text.slice(0, 2), text.slice(2)].map((content) => ({
        choices: [{ delta: { content } }],
      }));
      sendEvents(response, [
        ...pieces,
        { choices: [{ delta: calls }] },
        { choices: [{ delta: {}, ...end }], usage },
      ]);
    }
  },
};

const messages: Protocol = {
  agent: (url, options) =>
    anthropic({ model: 'm', apiKey: 'k', baseURL: url, ...options }) as AgentDefinition,
  send: (response, { text = '', args, reason }, isStreamed) => {
    const blocks = [
      { type: 'text', text },
      ...(args === undefined ? [] : [{ type: 'tool_use', ...id, name: 'now', input: args }]),
    ];
    const end = reason === undefined ? {} : { stop_reason: reason };
    if (!isStreamed) {
      sendJson(response, {
        type: 'message',
        content: blocks,
        ...end,
        usage: { input_tokens: 1, output_tokens: 1 },
      });
      return;
    }
    const written = blocks.flatMap((block, index) => {
      const input = 'input' in block ? block.input : undefined;
      const start = 'input' in block ? { ...block, input: {} } : { ...block, text: '' };
      const delta =
        'text' in block
          ? { type: 'text_delta', text: block.text }
          : {
              type: 'input_json_delta',
              partial_json: typeof input === 'string' ? input : JSON.stringify(input),
            };
      return [
        { type: 'content_block_start', index, content_block: start },
        { type: 'content_block_delta', index, delta },
        { type: 'content_block_stop', index },
      ];
    });
    sendEvents(response, [
      { type: 'message_start', message: { usage: { input_tokens: 1, output_tokens: 1 } } },
      ...written,
      { type: 'message_delta', delta: end, usage: { output_tokens: 1 } },
      { type: 'message_stop' },
    ]);
  },
};

const responses: Protocol = {
  agent: (url, options) => chat.agent(url, { api: 'responses', ...options }),
  send: (response, { text = '', args, reason = 'stop' }, isStreamed) => {
    const message = { type: 'message', content: [{ type: 'output_text', text }] };
    const call = { type: 'function_call', call_id: 'x1', name: 'now', arguments: args };
    const output = [...(text === '' ? [] : [message]), ...(args === undefined ? [] : [call])];
    const status = reason === 'stop' ? 'completed' : 'incomplete';
    const whole = {
      status,
      output,
      incomplete_details: { reason },
      usage: { input_tokens: 1, output_tokens: 1 },
    };
    if (!isStreamed) sendJson(response, whole);
    else {
      sendEvents(response, [
        { type: 'response.output_text.delta', delta: text },
        ...output.map((item) => ({ type: 'response.output_item.done', item })),
        { type: `response.${status}`, response: whole },
      ]);
    }
  },
};

/** The three protocols. */
export const PROTOCOLS: ReadonlyArray<readonly [string, Protocol]> = [
  ['Chat Completions', chat],
  ['Messages', messages],
  ['Responses', responses],
];

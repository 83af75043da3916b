import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { deliver } from './deliver.js';
import {
  type BilledInput,
  type CachedRequest,
  type PromptCacheOptions,
  ServerPromptCache,
} from './prompt-cache.js';
import { requestProblem } from './request-problem.js';
import { fillAnswer, type ModelApi, type ScriptedAnswer } from './scripted-answer.js';
import { apiOfPath, isStreamPath, wireOf } from './wires.js';

/** A request that the model server received. */
export interface RecordedRequest {
  /** The protocol it uses. */
  readonly api: ModelApi;
  /** Its path. */
  readonly path: string;
  /** Its headers, names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Its body. */
  readonly body: Readonly<Record<string, unknown>>;
  /** Whether it requests a stream. */
  readonly isStream: boolean;
  /** When it arrived, in milliseconds of `performance.now()`. */
  readonly receivedMs: number;
  /** Bytes written to its socket so far. Stops growing while the reader is slow. */
  readonly sentBytes: number;
  /** Resolves when the answer has ended or the client has disconnected. */
  readonly closed: Promise<{
    /** Whether the client disconnected before the whole answer was sent. */
    readonly aborted: boolean;
    /** When, in milliseconds of `performance.now()`. */
    readonly closedMs: number;
  }>;
}

/** Sockets of the model server. */
export interface ServerConnections {
  /** Open now. */
  readonly open: number;
  /** Most sockets open at once. */
  readonly peak: number;
  /** Sockets opened since the start. */
  readonly total: number;
}

/** The server's answers: one for all requests, a list in order, or a function of the request. */
export type ModelScript =
  | ScriptedAnswer
  | readonly ScriptedAnswer[]
  | ((request: RecordedRequest) => ScriptedAnswer);

/** A server that speaks the protocols of Anthropic and OpenAI and answers from a script. */
export interface ModelServer {
  /** Its address, for `anthropic({ baseURL })`. */
  readonly url: string;
  /** The address for `openai({ baseURL })`: the same with `/v1`. */
  readonly openaiURL: string;
  /** Every request so far, in order of arrival. */
  readonly requests: readonly RecordedRequest[];
  /** Its sockets. */
  readonly connections: ServerConnections;
  /** The input tokens of all answered requests of the Messages API; all 0 without the option `promptCache`. */
  readonly billed: BilledInput;
  /** Replaces the script. A list starts from its beginning; after its end every answer is `{}`. */
  script(script: ModelScript): void;
  /** Resolves with the request at this index, from 0, once it has arrived. */
  waitForRequest(index: number): Promise<RecordedRequest>;
  /** Resolves once at most this many sockets are open. */
  waitForConnections(atMost: number): Promise<void>;
  /** Ends every connection and stops listening. */
  close(): Promise<void>;
  /** The same as `close`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Options of {@link startModelServer}. */
export interface ModelServerOptions {
  /**
   * Counts the input tokens of the Messages API and caches prompts as the real service does. Answers then report these
   * tokens in place of those of the script.
   *
   * @default false
   */
  readonly promptCache?: boolean | PromptCacheOptions | undefined;
}

/**
 * Starts a model server on a free port of 127.0.0.1. The official clients can use it like the real service:
 * Anthropic's Messages API, also at the paths of Bedrock and Vertex AI, and OpenAI's Chat Completions and Responses APIs,
 * as JSON and as streams. The script decides what it answers, how slowly, and what goes wrong. A conversation that the
 * real service would reject gets its status 400.
 */
export async function startModelServer(
  script: ModelScript = {},
  options: ModelServerOptions = {},
): Promise<ModelServer> {
  const running = new RunningServer(script, options);
  await running.listen();
  return running;
}

class RunningServer implements ModelServer {
  readonly requests: RecordedRequest[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  readonly #waiting: Array<() => void> = [];
  readonly #promptCache: ServerPromptCache;
  readonly #cachesPrompts: boolean;
  #script: ModelScript;
  #used = 0;
  #peak = 0;
  #total = 0;
  #port = 0;

  constructor(script: ModelScript, { promptCache = false }: ModelServerOptions) {
    this.#script = script;
    this.#cachesPrompts = promptCache !== false;
    this.#promptCache = new ServerPromptCache(typeof promptCache === 'object' ? promptCache : {});
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch((error: Error) => response.destroy(error));
    });
    this.#server.on('connection', (socket) => this.#track(socket));
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get openaiURL(): string {
    return `${this.url}/v1`;
  }

  get connections(): ServerConnections {
    return { open: this.#sockets.size, peak: this.#peak, total: this.#total };
  }

  get billed(): BilledInput {
    return this.#promptCache.billed;
  }

  script(script: ModelScript): void {
    this.#script = script;
    this.#used = 0;
  }

  async waitForRequest(index: number): Promise<RecordedRequest> {
    await this.#until(() => this.requests.length > index);
    return this.requests[index] as RecordedRequest;
  }

  waitForConnections(atMost: number): Promise<void> {
    return this.#until(() => this.#sockets.size <= atMost);
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #changed(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    this.#total += 1;
    this.#peak = Math.max(this.#peak, this.#sockets.size);
    socket.on('error', () => {});
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#changed();
    });
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '').split('?')[0] as string;
    const text = await readText(request);
    const api = apiOfPath(path);
    if (api === undefined || request.method !== 'POST') {
      response.writeHead(404, { 'content-type': 'application/json' });
      response.end('{"error":{"message":"no such path","type":"not_found_error"}}');
      return;
    }
    const recorded = record(api, path, request, response, JSON.parse(text));
    this.requests.push(recorded);
    this.#changed();
    const scripted = this.#next(recorded);
    if (scripted.status === undefined) {
      const problem = requestProblem(api, recorded.body);
      if (problem !== undefined) return reject(response, api, problem);
      if (this.#cachesPrompts && api === 'messages') return this.#answerCached(recorded, response, scripted);
    }
    await deliver(response, fillAnswer(scripted, recorded.body), wireOf(api), recorded.isStream);
  }

  async #answerCached(
    { api, body, isStream }: RecordedRequest,
    response: ServerResponse,
    scripted: ScriptedAnswer,
  ): Promise<void> {
    let cached: CachedRequest;
    try {
      cached = this.#promptCache.admit(body);
    } catch (problem) {
      return reject(response, api, (problem as Error).message);
    }
    const usage = { ...scripted.usage, ...cached.charge };
    const answer = fillAnswer({ ...scripted, usage }, body);
    await deliver(response, answer, wireOf(api), isStream, () => cached.begin());
  }

  #next(request: RecordedRequest): ScriptedAnswer {
    const script = this.#script;
    if (typeof script === 'function') return script(request);
    if (!Array.isArray(script)) return script as ScriptedAnswer;
    return script[this.#used++] ?? {};
  }
}

function reject(response: ServerResponse, api: ModelApi, message: string): void {
  const error = { type: 'invalid_request_error', code: undefined, message };
  response.writeHead(400, { 'content-type': 'application/json' });
  response.end(JSON.stringify(wireOf(api).error(error)));
}

function record(
  api: ModelApi,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
  body: Record<string, unknown>,
): RecordedRequest {
  const { socket } = request;
  const before = socket.bytesWritten;
  return {
    api,
    path,
    headers: request.headers,
    body,
    isStream: body.stream === true || isStreamPath(path),
    receivedMs: performance.now(),
    get sentBytes() {
      return socket.bytesWritten - before;
    },
    closed: new Promise((resolve) => {
      response.once('close', () => {
        resolve({ aborted: !response.writableFinished, closedMs: performance.now() });
      });
    }),
  };
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks).toString('utf8');
}

import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import type { FullAnswer } from './scripted-answer.js';
import type { Wire, WireError } from './wire.js';
import { errorTypeOf } from './wires.js';

/**
 * Sends an answer as its script says. Resolves once it is sent or the client has disconnected; calls `onBegin` before the
 * headers are sent.
 */
export async function deliver(
  response: ServerResponse,
  answer: FullAnswer,
  wire: Wire,
  isStream: boolean,
  onBegin?: () => void,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  try {
    await pause(answer.delayMs, gone.signal);
    onBegin?.();
    await send(new Delivery(response, answer, wire, gone.signal), isStream);
  } catch (error) {
    if (!gone.signal.aborted) response.destroy(error as Error);
  }
}

async function send(delivery: Delivery, isStream: boolean): Promise<void> {
  const { response, answer } = delivery;
  if (answer.status !== undefined && answer.status >= 400)
    return delivery.json(delivery.errorBody(), answer.status);
  switch (answer.fault) {
    case 'reset-before-headers':
      response.socket?.resetAndDestroy();
      return;
    case 'html':
      response.writeHead(200, { 'content-type': 'text/html', ...answer.headers });
      response.end('<!doctype html><title>Sign in</title><p>Please sign in to this network.</p>');
      return;
    case 'error-body':
      return delivery.json(delivery.errorBody(), 200);
    case 'huge-body':
      return delivery.hugeBody();
    default:
      return isStream ? delivery.stream() : delivery.wholeAnswer();
  }
}

class Delivery {
  readonly response: ServerResponse;
  readonly answer: FullAnswer;
  readonly #wire: Wire;
  readonly #gone: AbortSignal;

  constructor(response: ServerResponse, answer: FullAnswer, wire: Wire, gone: AbortSignal) {
    this.response = response;
    this.answer = answer;
    this.#wire = wire;
    this.#gone = gone;
  }

  errorBody(): unknown {
    return this.#wire.error(this.#error());
  }

  #error(): WireError {
    const { errorType, errorCode, status } = this.answer;
    const type = errorType ?? (status === undefined ? 'overloaded_error' : errorTypeOf(status));
    return { type, code: errorCode, message: `scripted ${type}` };
  }

  json(body: unknown, status: number): void {
    this.response.writeHead(status, { 'content-type': 'application/json', ...this.answer.headers });
    this.response.end(JSON.stringify(body));
  }

  /** Sends a JSON answer, with the script's fault. */
  async wholeAnswer(): Promise<void> {
    const { answer, response } = this;
    const bytes = Buffer.from(JSON.stringify(this.#wire.json(answer)));
    response.writeHead(200, { 'content-type': 'application/json', ...answer.headers });
    response.flushHeaders();
    const half = Math.floor(bytes.length / 2);
    switch (answer.fault) {
      case 'hang':
        return this.#hang();
      case 'drip':
        for (const byte of bytes) await this.#write(Buffer.of(byte), answer.dripMs ?? 1_000);
        break;
      case 'reset-mid-body':
        await this.#write(bytes.subarray(0, half));
        await pause(5, this.#gone);
        response.socket?.resetAndDestroy();
        return;
      case 'truncated-json':
        response.write(bytes.subarray(0, half));
        break;
      case 'invalid-utf8':
        response.write(Buffer.concat([bytes.subarray(0, half), Buffer.of(0xff, 0xfe), bytes.subarray(half)]));
        break;
      default:
        response.write(bytes);
    }
    response.end();
  }

  /** Sends server-sent events, with the script's fault. Waits for a slow reader. */
  async stream(): Promise<void> {
    const { answer, response } = this;
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      ...answer.headers,
    });
    response.flushHeaders();
    if (answer.fault === 'hang') return this.#hang();
    const ends = await this.#events();
    if (ends) response.end();
  }

  /** Returns false if the connection was reset instead. */
  async #events(): Promise<boolean> {
    const { answer, response } = this;
    let sent = 0;
    for (const event of this.#wire.events(answer)) {
      if (answer.fault === 'unknown-events') {
        await this.#write('event: future_thing\ndata: {"type":"future_thing","choices":[]}\n\n');
      }
      await this.#event(event);
      sent += 1;
      if (sent !== 4) continue;
      switch (answer.fault) {
        case 'cut-stream':
          return true;
        case 'truncated-json':
          await this.#write('event: content_block_delta\ndata: {"type":"content_blo');
          return true;
        case 'error-event':
          await this.#write(this.#wire.errorEvent(this.#error()));
          return true;
        case 'invalid-utf8':
          await this.#write(Buffer.of(0x64, 0x61, 0xff, 0xfe, 0x0a));
          break;
        case 'reset-mid-body':
          await pause(5, this.#gone);
          response.socket?.resetAndDestroy();
          return false;
        default:
      }
    }
    return true;
  }

  async #event(event: string): Promise<void> {
    const { splitBytes, chunkDelayMs, dripMs, fault } = this.answer;
    if (fault === 'drip') {
      for (const byte of Buffer.from(event)) await this.#write(Buffer.of(byte), dripMs ?? 1_000);
      return;
    }
    await pause(chunkDelayMs, this.#gone);
    if (splitBytes === undefined) return this.#write(event);
    const bytes = Buffer.from(event);
    for (let at = 0; at < bytes.length; at += splitBytes)
      await this.#write(bytes.subarray(at, at + splitBytes));
  }

  async hugeBody(): Promise<void> {
    const { answer, response } = this;
    response.writeHead(200, { 'content-type': 'application/json', ...answer.headers });
    response.write('{"text":"');
    const piece = Buffer.alloc(64 * 1024, 'x');
    for (let left = answer.sizeBytes ?? 50 * 1024 * 1024; left > 0; left -= piece.length)
      await this.#write(piece);
    response.end('"}');
  }

  async #write(piece: string | Uint8Array, delayMs?: number): Promise<void> {
    await pause(delayMs, this.#gone);
    this.#gone.throwIfAborted();
    if (!this.response.write(piece)) await once(this.response, 'drain', { signal: this.#gone });
  }

  async #hang(): Promise<void> {
    if (!this.#gone.aborted) await once(this.#gone, 'abort');
  }
}

async function pause(delayMs: number | undefined, signal: AbortSignal): Promise<void> {
  if (delayMs !== undefined && delayMs > 0) await wait(delayMs, undefined, { signal });
}

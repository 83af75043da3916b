import type { AgentReply, AgentReplyObject } from '../../contracts/reply.js';
import type { LoadedMessage, LoadedPart } from '../../contracts/task-content.js';
import { type ErrorBody, readErrorBody } from '../transport/error-body.js';
import type { HttpAgentContext } from './http-options.js';

/** The body of a request, unless `request` makes it. */
export function defaultBody(task: string, context: HttpAgentContext): Record<string, unknown> {
  const { messages, model, instructions, params } = context;
  return {
    task,
    ...(messages === undefined ? {} : { messages: messages.map(messageBody) }),
    ...(model === undefined ? {} : { model }),
    ...(instructions === undefined ? {} : { instructions }),
    ...(Object.keys(params).length === 0 ? {} : { params }),
  };
}

/** A turn as JSON. */
function messageBody({ role, content }: LoadedMessage): object {
  return { role, content: typeof content === 'string' ? content : content.map(partBody) };
}

function partBody(part: LoadedPart): object {
  if (part.type !== 'file') return part;
  const { name, mediaType, bytes } = part.file;
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
  return { type: 'file', file: { name, mediaType, data } };
}

/** An answer in the default form: a reply, an error that the service reports in it, or neither. */
export type DefaultAnswer = { readonly reply: AgentReplyObject } | { readonly error: ErrorBody } | undefined;

/** Reads an answer in the default form. */
export function readDefaultAnswer(json: unknown): DefaultAnswer {
  if (typeof json === 'string') return { reply: { output: json } };
  if (typeof json !== 'object' || json === null) return undefined;
  if (reportsFailure(json)) return { error: readErrorBody(json) ?? NO_REASON };
  return isReply(json) ? { reply: toReplyObject(json) } : undefined;
}

const NO_REASON: ErrorBody = { type: undefined, code: undefined, message: undefined };

/** Whether an object says that it is a failure, whatever else it has. */
function reportsFailure(json: object): boolean {
  const { error, success, ok } = json as Readonly<Record<string, unknown>>;
  return Boolean(error) || success === false || ok === false;
}

/** The error that a response reports, with the reason that the user's own check found. */
export function judgedBody(json: unknown, reason: boolean | string): ErrorBody {
  const body = readErrorBody(json) ?? NO_REASON;
  if (typeof reason === 'string') return { ...body, message: reason };
  return body.message === undefined
    ? { ...body, message: 'isFailure takes the response for a failure' }
    : body;
}

/** Whether a value can be a reply: a string, or an object with a string `output`. */
export function isReply(value: unknown): value is AgentReply {
  if (typeof value === 'string') return true;
  return (
    typeof value === 'object' && value !== null && typeof (value as { output?: unknown }).output === 'string'
  );
}

/** The fields of a reply, without other fields of the object. */
export function toReplyObject(reply: AgentReply): AgentReplyObject {
  if (typeof reply === 'string') return { output: reply };
  const { output, data, usage, costUsd, model, finishReason } = reply;
  return {
    output,
    ...(data === undefined ? {} : { data }),
    ...(usage === undefined ? {} : { usage }),
    ...(costUsd === undefined ? {} : { costUsd }),
    ...(model === undefined ? {} : { model }),
    ...(finishReason === undefined ? {} : { finishReason }),
  };
}

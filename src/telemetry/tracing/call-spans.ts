import type { Attributes, Context, Span, Tracer } from '@opentelemetry/api';
import type { CallInstrument, CallServices } from '../../calls/call-services.js';
import type { TuttiEvents } from '../../contracts/events.js';
import type { CallOutcome } from '../../contracts/result.js';
import type { Usage } from '../../contracts/usage.js';
import { ATTRIBUTES as NAMES } from './names.js';
import type { OtelApi } from './otel-api.js';

/** A span and the context of what happens within it. */
interface OpenSpan {
  readonly span: Span;
  readonly context: Context;
}

/** What makes an attempt another than the first. */
type AttemptKind = 'first' | 'retry' | 'hedge' | 'fallback';

interface OpenCall extends OpenSpan {
  /** Whether the next attempt runs beside one that is slow. */
  isHedging: boolean;
  hasAttempts: boolean;
}

/**
 * Makes a span of each call, below the span that is active where the call is made; below it one of each attempt, and below
 * that one of each call of a tool. Agents run in the context of their attempt.
 */
export class CallSpans implements CallInstrument {
  readonly #api: OtelApi;
  readonly #tracer: Tracer;
  readonly #recordContent: boolean;
  readonly #calls = new Map<string, OpenCall>();
  readonly #attempts = new Map<string, OpenSpan>();
  readonly #tools = new Map<string, OpenSpan>();
  readonly #stops: Array<() => void>;

  constructor(api: OtelApi, tracer: Tracer, { events }: CallServices, recordContent: boolean) {
    this.#api = api;
    this.#tracer = tracer;
    this.#recordContent = recordContent;
    this.#stops = [
      events.on('call:start', (event) => this.#callStarted(event)),
      events.on('call:end', (event) => this.#callEnded(event)),
      events.on('attempt:start', (event) => this.#attemptStarted(event)),
      events.on('attempt:end', (event) => this.#attemptEnded(event)),
      events.on('call:retry', (event) => this.#retried(event)),
      events.on('call:hedge', (event) => this.#hedged(event)),
      events.on('call:fallback', (event) => this.#fellBack(event)),
      events.on('call:wait', (event) => this.#waited(event)),
      events.on('tool:start', (event) => this.#toolStarted(event)),
      events.on('tool:end', (event) => this.#toolEnded(event)),
    ];
  }

  /** Makes no more spans, and ends those that are open. */
  stop(): void {
    for (const stop of this.#stops.splice(0)) stop();
    for (const open of [this.#tools, this.#attempts, this.#calls]) {
      for (const { span } of open.values()) span.end();
      open.clear();
    }
  }

  runAttempt<Value>(callId: string, attempt: number, work: () => Value): Value {
    const open = this.#attempts.get(keyOf(callId, attempt));
    return open === undefined ? work() : this.#api.context.with(open.context, work);
  }

  readonly ending = (callId: string, taskText: string, outcome: CallOutcome): void => {
    if (!this.#recordContent) return;
    const span = this.#calls.get(callId)?.span;
    span?.setAttribute(NAMES.inputMessages, messageJson('user', taskText));
    if (outcome.success) span?.setAttribute(NAMES.outputMessages, messageJson('assistant', outcome.output));
  };

  #open(
    name: string,
    kind: 'INTERNAL' | 'CLIENT',
    attributes: Attributes,
    parent: Context | undefined,
  ): OpenSpan {
    const { context, SpanKind, trace } = this.#api;
    const within = parent ?? context.active();
    const span = this.#tracer.startSpan(name, { kind: SpanKind[kind], attributes }, within);
    return { span, context: trace.setSpan(within, span) };
  }

  #callStarted(event: TuttiEvents['call:start']): void {
    const attributes = {
      [NAMES.operation]: 'invoke_agent',
      [NAMES.agent]: event.agent,
      [NAMES.requestModel]: event.model,
      [NAMES.provider]: event.provider,
      [NAMES.callId]: event.callId,
      [NAMES.tenant]: event.tenant,
      [NAMES.priority]: event.priority,
      [NAMES.taskChars]: event.taskChars,
    };
    const open = this.#open(`invoke_agent ${event.agent}`, 'INTERNAL', attributes, undefined);
    this.#calls.set(event.callId, { ...open, isHedging: false, hasAttempts: false });
  }

  #callEnded(event: TuttiEvents['call:end']): void {
    const call = this.#calls.get(event.callId);
    if (call === undefined) return;
    this.#calls.delete(event.callId);
    if (call.span.isRecording()) call.span.setAttributes(endAttributes(event));
    this.#fail(call.span, event.errorCode);
    call.span.end();
  }

  #attemptStarted(event: TuttiEvents['attempt:start']): void {
    const { callId, attempt, model, provider, target } = event;
    const call = this.#calls.get(callId);
    const isModel = provider !== undefined;
    const attributes = {
      [NAMES.operation]: isModel ? 'chat' : 'invoke_agent',
      [NAMES.agent]: target,
      [NAMES.provider]: provider,
      [NAMES.requestModel]: model,
      [NAMES.callId]: callId,
      [NAMES.attempt]: attempt,
      [NAMES.attemptKind]: kindOf(event, call),
      [NAMES.queuedMs]: event.queuedMs,
    };
    const name = isModel ? `chat ${model ?? provider}` : `attempt ${target}`;
    this.#attempts.set(
      keyOf(callId, attempt),
      this.#open(name, isModel ? 'CLIENT' : 'INTERNAL', attributes, call?.context),
    );
    if (call === undefined) return;
    call.hasAttempts = true;
    call.isHedging = false;
  }

  #attemptEnded({ callId, attempt, errorCode, usage }: TuttiEvents['attempt:end']): void {
    const key = keyOf(callId, attempt);
    const open = this.#attempts.get(key);
    if (open === undefined) return;
    this.#attempts.delete(key);
    if (usage !== undefined && open.span.isRecording()) open.span.setAttributes(usageAttributes(usage));
    this.#fail(open.span, errorCode);
    open.span.end();
  }

  #toolStarted({ callId, attempt, tool, toolCallId }: TuttiEvents['tool:start']): void {
    const attributes = {
      [NAMES.operation]: 'execute_tool',
      [NAMES.toolName]: tool,
      [NAMES.toolCallId]: toolCallId,
      [NAMES.callId]: callId,
    };
    const parent = this.#attempts.get(keyOf(callId, attempt)) ?? this.#calls.get(callId);
    const open = this.#open(`execute_tool ${tool}`, 'INTERNAL', attributes, parent?.context);
    this.#tools.set(`${keyOf(callId, attempt)}:${toolCallId}`, open);
  }

  #toolEnded({ callId, attempt, toolCallId, success }: TuttiEvents['tool:end']): void {
    const key = `${keyOf(callId, attempt)}:${toolCallId}`;
    const open = this.#tools.get(key);
    if (open === undefined) return;
    this.#tools.delete(key);
    this.#fail(open.span, success ? undefined : '_OTHER');
    open.span.end();
  }

  #retried({ callId, attempt, delayMs, errorCode }: TuttiEvents['call:retry']): void {
    const attributes = { [NAMES.attempt]: attempt, [NAMES.delayMs]: delayMs, [NAMES.errorType]: errorCode };
    this.#calls.get(callId)?.span.addEvent('tutti.retry', attributes);
  }

  #hedged({ callId, afterMs }: TuttiEvents['call:hedge']): void {
    const call = this.#calls.get(callId);
    if (call === undefined) return;
    call.isHedging = true;
    call.span.addEvent('tutti.hedge', { [NAMES.afterMs]: afterMs });
  }

  #fellBack({ callId, from, to, errorCode }: TuttiEvents['call:fallback']): void {
    const attributes = {
      [NAMES.fallbackFrom]: from,
      [NAMES.fallbackTo]: to,
      [NAMES.errorType]: errorCode,
    };
    this.#calls.get(callId)?.span.addEvent('tutti.fallback', attributes);
  }

  #waited({ callId, lane, reason }: TuttiEvents['call:wait']): void {
    this.#calls.get(callId)?.span.addEvent('tutti.wait', { [NAMES.lane]: lane, [NAMES.waitReason]: reason });
  }

  /** What was cancelled has not failed, but says how it ended. */
  #fail(span: Span, errorCode: string | undefined): void {
    if (errorCode === undefined) return;
    span.setAttribute(NAMES.errorType, errorCode);
    if (errorCode !== 'TUTTI_CANCELLED') span.setStatus({ code: this.#api.SpanStatusCode.ERROR });
  }
}

function keyOf(callId: string, attempt: number): string {
  return `${callId}:${attempt}`;
}

function kindOf({ agent, target }: TuttiEvents['attempt:start'], call: OpenCall | undefined): AttemptKind {
  if (call?.isHedging === true) return 'hedge';
  if (target !== agent) return 'fallback';
  return call?.hasAttempts === true ? 'retry' : 'first';
}

// Attributes without a value are left out by the SDK.

function endAttributes(event: TuttiEvents['call:end']): Attributes {
  return {
    [NAMES.responseModel]: event.success ? event.model : undefined,
    [NAMES.finishReasons]: event.finishReason === undefined ? undefined : [event.finishReason],
    [NAMES.attempts]: event.attempts,
    [NAMES.queuedMs]: event.queuedMs,
    [NAMES.cacheSource]: event.cached === false ? undefined : event.cached,
    [NAMES.lane]: event.lane,
    [NAMES.costUsd]: event.costUsd,
    [NAMES.savedUsd]: event.savedUsd,
    // What a cached answer has used, its own call had used.
    ...(event.cached === false ? usageAttributes(event.usage) : undefined),
  };
}

function usageAttributes(usage: Partial<Usage>): Attributes {
  return {
    [NAMES.inputTokens]: usage.inputTokens,
    [NAMES.outputTokens]: usage.outputTokens,
    [NAMES.cacheReadTokens]: usage.cacheReadTokens,
    [NAMES.cacheWriteTokens]: usage.cacheWriteTokens,
  };
}

/** One message, as the conventions have it. */
function messageJson(role: string, content: string): string {
  return JSON.stringify([{ role, parts: [{ type: 'text', content }] }]);
}

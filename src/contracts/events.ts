import type { ErrorCode } from '../errors/codes.js';
import { CACHE_EVENT_NAMES, type CacheEventName, type CacheEvents, type HitTier } from './cache-events.js';
import type { CacheSource } from './result.js';
import type { FinishReason, Usage } from './usage.js';

/** Fields of every event of a call. */
export interface CallEvent {
  /** The call's id. */
  callId: string;
  /** The agent's registered name. */
  agent: string;
  /** When it happened, milliseconds since the Unix epoch. */
  at: number;
}

/** Fields of every event of a tool. */
export interface ToolEvent extends CallEvent {
  /** Which attempt of its call runs the tool, from 1. */
  attempt: number;
  /** The tool's name. */
  tool: string;
  /** The model's id of the tool call. */
  toolCallId: string;
  /** The key of the tool call, as the tool receives it. */
  key: string;
}

/** Fields of every event of a lane. */
export interface LaneEvent {
  /** The lane, for instance `anthropic/claude-sonnet-4-5`. */
  lane: string;
  /** When it happened, milliseconds since the Unix epoch. */
  at: number;
}

/** All events of an orchestrator and their payloads. Payloads are flat and serialisable. */
export interface TuttiEvents extends CacheEvents {
  /** A call was accepted. */
  'call:start': CallEvent & {
    /** Length of the task, in characters. */
    taskChars: number;
    /** The call's priority; higher goes first. */
    priority: number;
    /** The tenant it is made for; `undefined` if none was given. */
    tenant: string | undefined;
    /** The model that is asked for; `undefined` if there is none. */
    model: string | undefined;
    /** The provider of its agent, for instance `anthropic`; `undefined` for functions. */
    provider: string | undefined;
  };
  /** A call has succeeded or failed. */
  'call:end': CallEvent & {
    /** Whether it succeeded. */
    success: boolean;
    /** Where the answer came from; `false` if it was computed for this call, or there is none. */
    cached: CacheSource;
    /** The cache tier that answered; `undefined` if none did. */
    tier: HitTier | undefined;
    /** The model that answered, else the one that was asked for; `undefined` if there is none. */
    model: string | undefined;
    /** The provider of the agent that answered, else of its own; `undefined` for functions. */
    provider: string | undefined;
    /** The lane of the agent that answered, else of its own; `undefined` without a lane, and for answers from a cache. */
    lane: string | undefined;
    /** The tenant it was made for; `undefined` if none was given. */
    tenant: string | undefined;
    /** Attempts made. */
    attempts: number;
    /** The code of its error; `undefined` if it succeeded. */
    errorCode: ErrorCode | undefined;
    /** The code of what its last attempt failed with, where `errorCode` says that its retries are exhausted; else the same. */
    lastErrorCode: ErrorCode | undefined;
    /** Why the answer ended; `undefined` if it failed. */
    finishReason: FinishReason | undefined;
    /** Time spent waiting for permits, over all attempts, in milliseconds. */
    queuedMs: number;
    /** Run time of all attempts together, in milliseconds. */
    runMs: number;
    /** From submission to settlement, in milliseconds. */
    totalMs: number;
    /** From the start of the last attempt to the first event of its stream, in milliseconds; `undefined` without a stream. */
    firstTokenMs: number | undefined;
    /** Tokens used; those of agents that were its tools are in the events of their own calls. */
    usage: Usage;
    /** What that cost, in US dollars; `undefined` where unknown. */
    costUsd: number | undefined;
    /** What the cache saved, in US dollars; `undefined` if nothing was saved or the amount is unknown. */
    savedUsd: number | undefined;
  };
  /**
   * Work was paid for whose answer no call received: it renewed a stale answer in the background, or all callers had
   * left. `stats()` counts its tokens and its cost, and no `call:end` does.
   */
  'call:unclaimed': CallEvent & {
    /** The model that answered, else the one that was asked for; `undefined` if there is none. */
    model: string | undefined;
    /** The tenant of the first caller; `undefined` if none was given. */
    tenant: string | undefined;
    /** Tokens used. */
    usage: Usage;
    /** What it cost, in US dollars; `undefined` where unknown. */
    costUsd: number | undefined;
  };
  /** An attempt failed with a retryable error; the next one may start after `delayMs`, or when its lane works again. */
  'call:retry': CallEvent & {
    /** The attempt that failed, from 1. */
    attempt: number;
    /** The backoff, in milliseconds. */
    delayMs: number;
    /** The code of its error. */
    errorCode: ErrorCode;
  };
  /** An attempt starts: it has its permit. */
  'attempt:start': CallEvent & {
    /** Which attempt of its call this is, from 1. */
    attempt: number;
    /** How long it waited for its permit, in milliseconds. */
    queuedMs: number;
    /** The agent that is asked: the call's, or one that it falls back to. */
    target: string;
    /** The model that is asked; `undefined` if there is none. */
    model: string | undefined;
    /** The provider that is asked; `undefined` for functions. */
    provider: string | undefined;
    /** The tenant it is made for; `undefined` if none was given. */
    tenant: string | undefined;
  };
  /** An attempt ended: it succeeded, failed, timed out or was cancelled. */
  'attempt:end': CallEvent & {
    /** Which attempt of its call this is, from 1. */
    attempt: number;
    /** From its permit to its end, in milliseconds. */
    runMs: number;
    /** Whether it succeeded. */
    success: boolean;
    /** The code of its error; `undefined` if it succeeded. */
    errorCode: ErrorCode | undefined;
    /** Tokens that it is known to have used; `undefined` if nothing was reported. */
    usage: Partial<Usage> | undefined;
  };
  /** A tool starts. */
  'tool:start': ToolEvent;
  /** A tool ended: it returned, failed, timed out or was stopped. */
  'tool:end': ToolEvent & {
    /** How long it ran, in milliseconds. */
    runMs: number;
    /** Whether it returned a result; otherwise the model receives an error, or none if the attempt has ended. */
    success: boolean;
  };
  /**
   * Work ignored its aborted signal for `abandonMs` and was abandoned: its permit is released, though it may still be
   * running.
   */
  'attempt:abandon': CallEvent & {
    /** Which attempt of its call this is, from 1. */
    attempt: number;
    /** How long it had to stop, in milliseconds. */
    abandonMs: number;
  };
  /** A call starts to wait for its lane, or for what other calls have reserved in one of its budgets. */
  'call:wait': CallEvent &
    LaneEvent & {
      /** What the lane's next request waits for; `budget` if the call waits for a budget. */
      reason: 'retry-after' | 'lane-down' | 'rate-limit' | 'concurrency' | 'backoff' | 'budget';
      /** Until when, milliseconds since the Unix epoch; `undefined` if that is not known. */
      untilMs: number | undefined;
    };
  /** A call falls back to another agent. */
  'call:fallback': CallEvent & {
    /** The agent that failed. */
    from: string;
    /** The agent tried next. */
    to: string;
    /** The code of the error it failed with. */
    errorCode: ErrorCode | undefined;
  };
  /** A second attempt starts beside a slow one. */
  'call:hedge': CallEvent & {
    /** How long the first one has been running, in milliseconds. */
    afterMs: number;
  };
  /** A lane has stopped for all callers, or stops for longer: its provider demands a wait, or its requests fail. */
  'lane:pause': LaneEvent & {
    /** How long the provider demands to wait, in milliseconds; 0 if its requests failed. */
    pausedForMs: number;
  };
  /** A lane failed too often and accepts no requests for a while. */
  'breaker:open': LaneEvent;
  /** A lane accepts a few requests, to find out whether it works again. */
  'breaker:half-open': LaneEvent;
  /** A lane works again. */
  'breaker:close': LaneEvent;
  /** An agent was registered. Agents passed to the constructor are registered before `on` can be called. */
  'agent:add': {
    /** Its name. */
    agent: string;
    /** When it happened, milliseconds since the Unix epoch. */
    at: number;
  };
  /** An agent was removed. */
  'agent:remove': {
    /** Its name. */
    agent: string;
    /** When it happened, milliseconds since the Unix epoch. */
    at: number;
  };
  /**
   * A row of a run's journal is not as it was signed, so it was not believed; its task runs again, or fails if its tools
   * may have done something.
   */
  'journal:reject': {
    /** The run. */
    runId: string;
    /** What the row was about: the run as a whole, the fingerprints of 128 tasks, one outcome, or what a task has done. */
    kind: 'head' | 'page' | 'outcome' | 'progress';
    /** Position of the task, from 0, or of the first one on the page; `undefined` for a head. */
    index: number | undefined;
    /** What was wrong with it. */
    reason: string;
    /** Of a head: what the journal was renamed to. */
    movedTo?: string | undefined;
    /** When it was found, milliseconds since the Unix epoch. */
    at: number;
  };
  /** Closing has begun. */
  'orchestrator:close': {
    /** When it happened, milliseconds since the Unix epoch. */
    at: number;
    /** Attempts that were running then. */
    running: number;
    /** How long running work may continue before it is aborted, in milliseconds. */
    drainMs: number;
  };
}

/** The name of an event. */
export type TuttiEventName = keyof TuttiEvents;

// A record over the map: an event that is missing here does not compile.
const EVENTS: Readonly<Record<Exclude<TuttiEventName, CacheEventName>, true>> = {
  'call:start': true,
  'call:end': true,
  'call:unclaimed': true,
  'call:retry': true,
  'call:wait': true,
  'call:fallback': true,
  'call:hedge': true,
  'attempt:start': true,
  'attempt:end': true,
  'attempt:abandon': true,
  'tool:start': true,
  'tool:end': true,
  'lane:pause': true,
  'breaker:open': true,
  'breaker:half-open': true,
  'breaker:close': true,
  'agent:add': true,
  'agent:remove': true,
  'journal:reject': true,
  'orchestrator:close': true,
};

/** The names of all events, those of the cache last. */
export const EVENT_NAMES = [
  ...(Object.keys(EVENTS) as Exclude<TuttiEventName, CacheEventName>[]),
  ...CACHE_EVENT_NAMES,
] as readonly TuttiEventName[];

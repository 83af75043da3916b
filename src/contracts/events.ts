import type { ErrorCode } from '../errors/codes.js';
import { CACHE_EVENT_NAMES, type CacheEventName, type CacheEvents } from './cache-events.js';
import type { CacheSource } from './result.js';
import type { Usage } from './usage.js';

/** What every event of a call says. */
export interface CallEvent {
  /** The call's id. */
  callId: string;
  /** The agent's registered name. */
  agent: string;
  /** When it happened, milliseconds since the Unix epoch. */
  at: number;
}

/** What every event of a lane says. */
export interface LaneEvent {
  /** The lane, for instance `anthropic/claude-sonnet-4-5`. */
  lane: string;
  /** When it happened, milliseconds since the Unix epoch. */
  at: number;
}

/** Every event of an orchestrator and its payload. Payloads are flat and can be serialised. */
export interface TuttiEvents extends CacheEvents {
  /** A call was accepted. */
  'call:start': CallEvent & {
    /** Length of its task, in characters. */
    taskChars: number;
    /** Its priority; higher goes first. */
    priority: number;
    /** On whose behalf it is made; `undefined` where nobody said. */
    tenant: string | undefined;
  };
  /** A call has settled, one way or the other. */
  'call:end': CallEvent & {
    /** Whether it gave an answer. */
    success: boolean;
    /** Where the answer came from; `false` when it was computed for this call, or there is none. */
    cached: CacheSource;
    /** Attempts made. */
    attempts: number;
    /** What it failed with; `undefined` when it worked. */
    errorCode: ErrorCode | undefined;
    /** Waiting for permits, over all attempts, in milliseconds. */
    queuedMs: number;
    /** Attempts running, added up, in milliseconds. */
    runMs: number;
    /** From submission to settlement, in milliseconds. */
    totalMs: number;
    /** Tokens used. */
    usage: Usage;
    /** What it cost, in US dollars; `undefined` where unknown. */
    costUsd: number | undefined;
  };
  /** An attempt failed in a way that can pass; the next one may start after `delayMs`. */
  'call:retry': CallEvent & {
    /** The attempt that failed, from 1. */
    attempt: number;
    /** The backoff, in milliseconds. */
    delayMs: number;
    /** What it failed with. */
    errorCode: ErrorCode;
  };
  /** An attempt has its permit and starts. */
  'attempt:start': CallEvent & {
    /** Which attempt of its call this is, from 1. */
    attempt: number;
    /** How long it waited for its permit, in milliseconds. */
    queuedMs: number;
  };
  /** An attempt was answered: it worked, failed, timed out or was cancelled. */
  'attempt:end': CallEvent & {
    /** Which attempt of its call this is, from 1. */
    attempt: number;
    /** From its permit to its answer, in milliseconds. */
    runMs: number;
    /** Whether it gave an answer. */
    success: boolean;
    /** What it failed with; `undefined` when it worked. */
    errorCode: ErrorCode | undefined;
  };
  /** Work that ignored its aborted signal for `abandonMs` was given up and its permit freed; it may still be running. */
  'attempt:abandon': CallEvent & {
    /** Which attempt of its call this is, from 1. */
    attempt: number;
    /** How long it was given to stop, in milliseconds. */
    abandonMs: number;
  };
  /** A call waits for its lane. */
  'call:wait': CallEvent &
    LaneEvent & {
      /** What it waits for. */
      reason: 'retry-after' | 'lane-down' | 'rate-limit' | 'concurrency' | 'backoff';
      /** Until when, milliseconds since the Unix epoch; `undefined` if that is not known. */
      untilMs: number | undefined;
    };
  /** Another agent is asked in place of the one that failed. */
  'call:fallback': CallEvent & {
    /** The agent that failed. */
    from: string;
    /** The agent that is asked now. */
    to: string;
    /** Why. */
    errorCode: ErrorCode | undefined;
  };
  /** A second attempt starts beside a slow one. */
  'call:hedge': CallEvent & {
    /** How long the first has taken, in milliseconds. */
    afterMs: number;
  };
  /** A lane was told to wait: everybody who uses it does. */
  'lane:pause': LaneEvent & {
    /** For how long, in milliseconds. */
    pausedForMs: number;
  };
  /** A lane failed too often and takes no requests for a while. */
  'breaker:open': LaneEvent;
  /** A lane is tried again. */
  'breaker:half-open': LaneEvent;
  /** A lane works again. */
  'breaker:close': LaneEvent;
  /** An agent was registered. Those given to the constructor come before anybody can listen with `on`. */
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
  /** Closing has begun. */
  'orchestrator:close': {
    /** When it happened, milliseconds since the Unix epoch. */
    at: number;
    /** Attempts that were running then. */
    running: number;
    /** How long running work may go on before it is aborted, in milliseconds. */
    drainMs: number;
  };
}

/** Name of an event. */
export type TuttiEventName = keyof TuttiEvents;

// A record over the map: an event that is missing here does not compile.
const EVENTS: Readonly<Record<Exclude<TuttiEventName, CacheEventName>, true>> = {
  'call:start': true,
  'call:end': true,
  'call:retry': true,
  'call:wait': true,
  'call:fallback': true,
  'call:hedge': true,
  'attempt:start': true,
  'attempt:end': true,
  'attempt:abandon': true,
  'lane:pause': true,
  'breaker:open': true,
  'breaker:half-open': true,
  'breaker:close': true,
  'agent:add': true,
  'agent:remove': true,
  'orchestrator:close': true,
};

/** The names of all events, those of the cache last. */
export const EVENT_NAMES = [
  ...(Object.keys(EVENTS) as Exclude<TuttiEventName, CacheEventName>[]),
  ...CACHE_EVENT_NAMES,
] as readonly TuttiEventName[];

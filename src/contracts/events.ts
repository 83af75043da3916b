import type { ErrorCode } from '../errors/codes.js';
import type { CacheSource } from './result.js';
import type { Usage } from './usage.js';

interface CallEvent {
  /** The call's id. */
  callId: string;
  /** The agent's registered name. */
  agent: string;
  /** When it happened, milliseconds since the Unix epoch. */
  at: number;
}

/** Every event of an orchestrator and its payload. Payloads are flat and can be serialised. */
export interface TuttiEvents {
  /** A call was accepted. */
  'call:start': CallEvent & { taskChars: number; priority: number; tenant: string | undefined };
  /** A call has settled, one way or the other. */
  'call:end': CallEvent & {
    success: boolean;
    cached: CacheSource;
    attempts: number;
    errorCode: ErrorCode | undefined;
    queuedMs: number;
    runMs: number;
    totalMs: number;
    usage: Usage;
    costUsd: number | undefined;
  };
  /** An attempt failed in a way that can pass; the next one starts after `delayMs`. */
  'call:retry': CallEvent & { attempt: number; delayMs: number; errorCode: ErrorCode };
  /** An attempt has its permit and starts. */
  'attempt:start': CallEvent & { attempt: number; queuedMs: number };
  /** An attempt was answered: it worked, failed, timed out or was cancelled. */
  'attempt:end': CallEvent & {
    attempt: number;
    runMs: number;
    success: boolean;
    errorCode: ErrorCode | undefined;
  };
  /** Work that ignored its aborted signal for `abandonMs` was given up and its permit freed; it may still be running. */
  'attempt:abandon': CallEvent & { attempt: number; abandonMs: number };
  /** An agent was registered. */
  'agent:add': { agent: string; at: number };
  /** An agent was removed. */
  'agent:remove': { agent: string; at: number };
  /** Closing has begun; `running` calls get `drainMs`. */
  'orchestrator:close': { at: number; running: number; drainMs: number };
}

/** Name of an event. */
export type TuttiEventName = keyof TuttiEvents;

/** All of them. */
export const EVENT_NAMES = [
  'call:start',
  'call:end',
  'call:retry',
  'attempt:start',
  'attempt:end',
  'attempt:abandon',
  'agent:add',
  'agent:remove',
  'orchestrator:close',
] as const satisfies readonly TuttiEventName[];

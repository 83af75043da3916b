import type { StreamActivity } from '../../contracts/provider.js';
import type { ProviderResponseInfo } from '../../contracts/rate-limits.js';
import { isWholeUsage, type Usage } from '../../contracts/usage.js';
import type { CancelScope } from '../../time/cancel-scope.js';
import type { Call } from '../call.js';
import type { RegisteredAgent } from '../registered-agent.js';

/** The clocks of a stream. They stand still while a request waits before it can be sent. */
export interface StreamClock {
  pause(): void;
  resume(): void;
  /** Starts again with its full time. */
  restart(): void;
  /** Something arrived that is not an event yet. */
  heard(activity: StreamActivity): void;
}

/** Work that has begun goes on before calls that have not: it is what those wait for in the end. */
export const RESUMED_PRIORITY = Number.MAX_SAFE_INTEGER;

/** What an attempt holds of lanes and budgets. */
export interface Admission {
  /** Gives it back: the attempt waits for other calls. */
  giveBack(): void;
  /** Waits for it again, and for a permit. The attempt is cancelled if it is refused. */
  waitAgain(resumed: (freePermit: () => void) => void): void;
}

/** An attempt as the parts that serve it see it. */
export interface RunningAttempt extends CancelScope {
  readonly call: Call;
  /** Who answers: the call's agent, or one that it falls back to. */
  readonly target: RegisteredAgent;
  /** What hears that a request was written to its connection. */
  readonly onSent: (() => void) | undefined;
  /** A request was written to its connection. */
  sent(): void;
  /** What hears that a request waits before it can be sent, and returns what hears that it no longer does. */
  readonly onWait: () => () => void;
  /** The clocks of its stream, if it has one. */
  streamClock: StreamClock | undefined;
  /** What is notified of the provider's responses. */
  readonly onResponse: ((info: ProviderResponseInfo) => void) | undefined;
  /** Which attempt of its call this is, from 1. */
  readonly number: number;
  /** What it holds of lanes and budgets, if it went through them. */
  readonly admission: Admission | undefined;
  /** Frees its permit. */
  lendPermit(): void;
  /** It has a permit again. */
  takePermit(free: () => void): void;
  /** Tokens that it is known to have used so far. */
  usage: Partial<Usage> | undefined;
  /** Since it got its permit, without what its requests waited before they could be sent, in milliseconds. */
  readonly elapsedMs: number;
}

/** What tokens of the attempt's model cost, in US dollars, where its provider knows. For streams, which carry no cost. */
export function priceOf(attempt: RunningAttempt, usage: Partial<Usage>): number | undefined {
  const { call, target } = attempt;
  if (!isWholeUsage(usage)) return undefined;
  return target.definition.provider?.costUsd?.(call.modelOf(target), usage);
}

import type { ProviderAccount } from '../../contracts/provider.js';
import type { AgentReply } from '../../contracts/reply.js';
import { fieldOf } from '../../errors/foreign.js';
import { RateLimitedError } from '../../errors/traffic-errors.js';
import type { AttemptEnds } from '../../resilience/hedge/attempt-ends.js';
import type { Lane } from '../../resilience/lane/lane.js';
import { type FailureClass, failureClassOf } from '../../resilience/retry/failure-class.js';
import type { Call } from '../call.js';
import type { CallServices } from '../call-services.js';
import type { RegisteredAgent } from '../registered-agent.js';
import type { AttemptPlace } from './queued-attempt.js';

/** Failures that concern the account of a request and not what is asked. */
const OF_THE_ACCOUNT: ReadonlySet<FailureClass> = new Set(['rate-limited', 'auth', 'circuit-open']);
/** Refusals before anything was sent. */
const REFUSALS: ReadonlySet<string> = new Set([
  'TUTTI_RATE_LIMITED',
  'TUTTI_CIRCUIT_OPEN',
  'TUTTI_LANE_DOWN',
]);
const DAY_MS = 86_400_000;

/** The agent with one of its accounts. */
interface AccountTarget {
  readonly target: RegisteredAgent;
  readonly requestsPerDay: number;
  readonly quota: DayQuota;
}

/** The requests of one account on one day. */
class DayQuota {
  #day = Number.NaN;
  #requests = 0;

  /** Requests of the day so far. */
  usedAt(epochMs: number): number {
    const day = Math.floor(epochMs / DAY_MS);
    if (day !== this.#day) {
      this.#day = day;
      this.#requests = 0;
    }
    return this.#requests;
  }

  take(epochMs: number): void {
    this.#requests = this.usedAt(epochMs) + 1;
  }

  /** A request that was taken was not sent. */
  giveBack(): void {
    this.#requests = Math.max(0, this.#requests - 1);
  }
}

/** The accounts of an agent, and whose turn it is. */
interface Accounts {
  readonly targets: readonly AccountTarget[];
  turn: number;
}

const known = new WeakMap<RegisteredAgent, Accounts>();
/** Agents that share an account share its quota, within one orchestrator. */
const quotas = new WeakMap<CallServices, Map<string, DayQuota>>();

/** The accounts of the agent that an attempt is for; `undefined` unless its provider has several. */
export function accountsOf({ target }: AttemptPlace): Accounts | undefined {
  const list = target.definition.provider?.accounts;
  if (list === undefined) return undefined;
  let accounts = known.get(target);
  if (accounts === undefined) {
    accounts = { targets: list.map((account) => toTarget(target, account)), turn: 0 };
    known.set(target, accounts);
  }
  return accounts;
}

function toTarget(agent: RegisteredAgent, { provider, requestsPerDay }: ProviderAccount): AccountTarget {
  const definition = { ...agent.definition, provider };
  // Its settings may change, so it inherits them.
  const target = Object.create(agent, { definition: { value: definition } }) as RegisteredAgent;
  const ofServices = quotas.get(agent.services) ?? new Map<string, DayQuota>();
  quotas.set(agent.services, ofServices);
  const quota = ofServices.get(provider.name) ?? new DayQuota();
  ofServices.set(provider.name, quota);
  return { target, requestsPerDay: requestsPerDay ?? Number.POSITIVE_INFINITY, quota };
}

/**
 * One attempt at the first account that can take it, in turn, then at the others as long as what fails is the account.
 * Accounts whose quota is used up are left out until the next day.
 */
export class AccountAttempts implements AttemptEnds<AgentReply> {
  readonly #place: AttemptPlace;
  readonly #left: Candidate[];
  #current: AccountTarget | undefined = undefined;
  readonly #ends: AttemptEnds<AgentReply>;
  readonly #begin: (place: AttemptPlace, ends: AttemptEnds<AgentReply>) => void;

  /** @param begin Makes one attempt. */
  constructor(
    place: AttemptPlace,
    accounts: Accounts,
    ends: AttemptEnds<AgentReply>,
    begin: (place: AttemptPlace, ends: AttemptEnds<AgentReply>) => void,
  ) {
    this.#place = place;
    this.#ends = ends;
    this.#begin = begin;
    this.#left = inOrder(place.call, accounts);
  }

  begin(): void {
    const next = this.#takeNext();
    if (next === undefined) this.#ends.failed(this.#quotasUsed());
    else this.#begin(this.#placeAt(next), this);
  }

  succeeded(reply: AgentReply): void {
    this.#ends.succeeded(reply);
  }

  failed(error: Error): void {
    const { call } = this.#place;
    if (REFUSALS.has(String(fieldOf(error, 'code')))) this.#current?.quota.giveBack();
    const isOver = call.reason !== undefined || call.sink?.started === true;
    if (isOver || !OF_THE_ACCOUNT.has(failureClassOf(error))) {
      this.#ends.failed(error);
      return;
    }
    const next = this.#takeNext();
    if (next === undefined) this.#ends.failed(error);
    else this.#begin(this.#placeAt(next), this);
  }

  #placeAt({ account, waitMs }: Candidate): AttemptPlace {
    const { call, outlook, maxWaitMs } = this.#place;
    this.#current = account;
    // One that could send at once is not waited for while another one is left.
    const isReady = waitMs === 0 && this.#left.length > 0;
    return { call, target: account.target, outlook, maxWaitMs: isReady ? 0 : maxWaitMs };
  }

  /** The next account with something left of its quota, which then has one request less. */
  #takeNext(): Candidate | undefined {
    const epochMs = this.#place.call.services.clock.epochMs();
    for (let next = this.#left.shift(); next !== undefined; next = this.#left.shift()) {
      const { quota, requestsPerDay } = next.account;
      if (quota.usedAt(epochMs) >= requestsPerDay) continue;
      quota.take(epochMs);
      return next;
    }
    return undefined;
  }

  #quotasUsed(): RateLimitedError {
    const { call, target } = this.#place;
    const lane = call.services.traffic.laneNameOf(call, target) ?? call.agent;
    const untilMidnightMs = DAY_MS - (call.services.clock.epochMs() % DAY_MS);
    const hours = (untilMidnightMs / 3_600_000).toFixed(1);
    const message =
      `The daily quota (requestsPerDay) of every key of "${lane}" is used up; the next day begins in ${hours} hours, at ` +
      'midnight UTC. Raise requestsPerDay, add a key, or call again then.';
    return new RateLimitedError(lane, 'wait-too-long', message, untilMidnightMs);
  }
}

/** An account with how long it would have to wait, in milliseconds; 0 if it could send at once. */
interface Candidate {
  readonly account: AccountTarget;
  readonly waitMs: number;
}

/** The accounts in turn: those that could send at once, then those that would have to wait, the shortest wait first. */
function inOrder(call: Call, accounts: Accounts): Candidate[] {
  const { targets } = accounts;
  const first = accounts.turn % targets.length;
  accounts.turn = first + 1;
  return [...targets.slice(first), ...targets.slice(0, first)]
    .map((account) => ({ account, waitMs: waitOf(call.services.traffic.laneOf(call, account.target)) }))
    .sort((a, b) => a.waitMs - b.waitMs);
}

function waitOf(lane: Lane | undefined): number {
  if (lane === undefined) return 0;
  if (!lane.isAvailable) return lane.breaker?.retryAfterMs ?? 0;
  return lane.pausedForMs > 0 ? lane.pausedForMs : Number(lane.isStopped || lane.isSaturated);
}

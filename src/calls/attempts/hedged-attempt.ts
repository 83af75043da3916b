import type { AgentReply } from '../../contracts/reply.js';
import { CancelledError } from '../../errors/execution-errors.js';
import type { AttemptEnds } from '../../resilience/hedge/attempt-ends.js';
import { HedgeRace, type Racer } from '../../resilience/hedge/hedge.js';
import type { HedgePolicy } from '../../resilience/hedge/hedge-policy.js';
import type { Lane } from '../../resilience/lane/lane.js';
import type { Call } from '../call.js';
import type { RegisteredAgent } from '../registered-agent.js';
import { publishHedge } from '../retry-events.js';
import { AccountAttempts, accountsOf } from './account-attempts.js';
import { replyUsage } from './charge.js';
import { hasTools } from './invoke-agent.js';
import { type AttemptPlace, QueuedAttempt } from './queued-attempt.js';

/**
 * Makes one attempt, or two that race, within budgets, limits and permits; reports the answer to `ends`. Of a provider
 * with several accounts, one that can take it.
 */
export function beginAttempt(place: AttemptPlace, ends: AttemptEnds<AgentReply>): void {
  const accounts = accountsOf(place);
  if (accounts === undefined) beginAt(place, ends);
  else new AccountAttempts(place, accounts, ends, beginAt).begin();
}

function beginAt(place: AttemptPlace, ends: AttemptEnds<AgentReply>): void {
  const { call, target } = place;
  const { traffic } = call.services;
  const lane = traffic.laneOf(call, target);
  const policy = lane && mayHedge(call, target) ? traffic.hedgeOf(lane, target.definition) : undefined;
  const attempt =
    lane === undefined || policy === undefined
      ? new QueuedAttempt(place, lane, ends)
      : new HedgedAttempt(place, lane, policy, ends);
  call.add(attempt);
  attempt.begin();
}

/** As {@link beginAttempt}, with a promise of the answer. */
export function runAttempt(place: AttemptPlace): Promise<AgentReply> {
  return new Promise((resolve, reject) => beginAttempt(place, { succeeded: resolve, failed: reject }));
}

/** A stream has one reader, and tools may act twice: neither is raced. */
function mayHedge(call: Call, { definition, isHedgeable }: RegisteredAgent): boolean {
  if (call.sink !== undefined || !isHedgeable) return false;
  return !hasTools(definition) || definition.idempotent === true;
}

/** An attempt that may be joined by a second one. */
class HedgedAttempt extends HedgeRace<AgentReply> {
  readonly #place: AttemptPlace;
  readonly #lane: Lane;
  readonly #policy: HedgePolicy;

  constructor(place: AttemptPlace, lane: Lane, policy: HedgePolicy, ends: AttemptEnds<AgentReply>) {
    super(place.call.services.clock, ends);
    this.#place = place;
    this.#lane = lane;
    this.#policy = policy;
  }

  protected makeAttempt(ends: AttemptEnds<AgentReply>): Racer {
    return new QueuedAttempt(this.#place, this.#lane, ends);
  }

  protected slowAfterMs(): number | undefined {
    return this.#policy.attemptStarts();
  }

  protected mayHedge(): boolean {
    const hasRoom = this.#lane.hasRoomForHedge && !this.#place.target.permits.isFull;
    return hasRoom && this.#place.call.reason === undefined && this.#policy.tryHedge();
  }

  protected hedged(delayMs: number): void {
    publishHedge(this.#place.call, delayMs);
  }

  protected loserReason(): Error {
    const { agent, attempts } = this.#place.call;
    return new CancelledError({ agent, attempt: attempts }, 'another attempt answered first');
  }

  protected answeredToo(reply: AgentReply): void {
    const usage = replyUsage(reply);
    if (usage !== undefined && typeof reply !== 'string') this.#place.call.addSpent(usage, reply.costUsd);
  }
}

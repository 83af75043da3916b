import type { CacheHit } from '../../cache/cached-answer.js';
import type { ResponseCache } from '../../cache/response-cache.js';
import { schemaTtlMs } from '../../cache/schema-ttl.js';
import type { CacheSetOptions } from '../../cache/set-options.js';
import type { CacheStorage } from '../../contracts/cache-storage.js';
import type { CallOptions } from '../../contracts/call.js';
import type { AgentResult } from '../../contracts/result.js';
import type { StreamEvent } from '../../contracts/stream-event.js';
import { asError, fieldOf } from '../../errors/foreign.js';
import { InvalidArgumentError } from '../../errors/input-errors.js';
import type { TuttiError } from '../../errors/tutti-error.js';
import { isPromiseLike } from '../attempts/invoke-agent.js';
import type { Call } from '../call.js';
import { queueCall } from '../call-path.js';
import { buildHit } from '../call-result.js';
import type { StepRecorder } from '../call-steps.js';
import type { RegisteredAgent } from '../registered-agent.js';
import { failCall, settleCall } from '../settle-call.js';
import { requestOf } from './call-request.js';
import { sourceDigest, warnOfChangedSource } from './function-source.js';
import { Replay } from './replay.js';
import { SharedCall } from './shared-call.js';

/** A call whose answer is or will be in the cache. */
interface CachedCall {
  readonly call: Call;
  readonly key: string;
}

/** The cache in the path of a call: answers calls from it, and has identical ones at the same time made once. */
export class CachedCalls {
  readonly #cache: ResponseCache;
  readonly #running = new Map<string, SharedCall>();
  /** Those that compute again what is stored: a call that may take the stored answer does not wait for them. */
  readonly #refreshing = new Map<string, SharedCall>();
  /** Those that renew stale answers: no caller need wait for them, so closing has to end them. */
  readonly #background = new Set<SharedCall>();
  readonly #stopListening: () => void;
  readonly #recorder: StepRecorder | undefined;

  constructor(cache: ResponseCache, recorder: StepRecorder | undefined) {
    this.#cache = cache;
    this.#recorder = recorder;
    this.#stopListening = cache.onInvalidate({
      forget: (key) => this.#forget(key),
      forgetAll: () => this.#forgetAll(),
    });
  }

  /** Answers the call, or has it wait for the answer to an identical one. `false` leaves it as it was. */
  take(call: Call): boolean {
    const wish = wishOf(call);
    if (wish === false || !this.#isCacheable(call)) {
      this.#recorder?.step({ kind: 'no-lookup', call, isExcluded: wish !== false });
      return false;
    }
    let key: string;
    try {
      const request = requestOf(call);
      key = this.#cache.key(request);
      this.#recorder?.step({ kind: 'lookup', call, key, request: this.#cache.completed(request) });
    } catch (error) {
      failCall(call, withoutKey(asError(error)));
      return true;
    }
    if (wish === 'refresh') this.#join({ call, key }, this.#refreshing);
    else this.#answer({ call, key });
    return true;
  }

  /** Ends work that no caller waits for. */
  end(): void {
    this.#stopListening();
    for (const shared of [...this.#background]) shared.cancelBecause('the orchestrator was closed');
  }

  #isCacheable({ agent, services }: Call): boolean {
    try {
      return this.#cache.isCacheable(agent);
    } catch (error) {
      services.logger.error(
        { error, agent },
        'an excludeAgents function threw; the call is made without the cache',
      );
      return false;
    }
  }

  #answer(cached: CachedCall): void {
    const { call, key } = cached;
    const running = this.#running.get(key);
    if (running?.isJoinable === true) {
      this.#share(running, call);
      return;
    }
    const found = this.#cache.lookup(key, call.agent);
    if (isPromiseLike(found)) this.#awaitHit(cached, found);
    else this.#useHit(cached, found);
  }

  #awaitHit(cached: CachedCall, found: Promise<CacheHit | undefined>): void {
    const { call } = cached;
    call.setAside();
    call.stage = {
      cancel: (reason) => {
        call.takenUp();
        failCall(call, reason);
      },
    };
    void found.then((hit) => {
      if (call.reason !== undefined) return;
      call.stage = undefined;
      call.takenUp();
      this.#useHit(cached, hit);
    });
  }

  #useHit(cached: CachedCall, hit: CacheHit | undefined): void {
    if (hit === undefined) {
      const isRefreshing = this.#refreshing.get(cached.key)?.isJoinable === true;
      this.#join(cached, isRefreshing ? this.#refreshing : this.#running);
      return;
    }
    this.#recorder?.step({ kind: 'hit', call: cached.call, tier: hit.tier });
    if (hit.stale && this.#refreshing.get(cached.key)?.isJoinable !== true) {
      this.#launch(cached, this.#refreshing, true);
    }
    // What memory holds was computed by this process, or came from a lower tier and was looked at then.
    if (hit.tier !== 'memory') warnOfChangedSource(cached.call, hit);
    giveHit(cached.call, hit);
  }

  /** Waits for the running call of the key, or makes it. */
  #join(cached: CachedCall, calls: Map<string, SharedCall>): void {
    const running = calls.get(cached.key);
    if (running?.isJoinable === true) this.#share(running, cached.call);
    else {
      this.#recorder?.step({ kind: 'miss', call: cached.call, isRefresh: wishOf(cached.call) === 'refresh' });
      this.#launch(cached, calls, false);
    }
  }

  #share(running: SharedCall, call: Call): void {
    this.#cache.noteShared();
    this.#recorder?.step({ kind: 'joined', call, joined: running.callId });
    running.join(call);
  }

  #launch(cached: CachedCall, calls: Map<string, SharedCall>, isBackground: boolean): void {
    const { key, call } = cached;
    const shared = new SharedCall(call, isBackground, (outcome, events) => {
      this.#background.delete(shared);
      if (isBackground && !outcome.success) this.#reportNotRenewed(cached, outcome.error);
      // One that was forgotten meanwhile is no longer listed, and its answer must not be stored.
      if (calls.get(key) !== shared) return;
      calls.delete(key);
      if (!outcome.success) return;
      // What began before a refresh must not replace what the refresh found.
      if (calls === this.#refreshing) this.#running.delete(key);
      this.#store(cached, outcome, events, shared.answeredBy);
    });
    calls.set(key, shared);
    if (isBackground) this.#background.add(shared);
    else shared.join(call);
    queueCall(shared);
  }

  /** An answer that another agent gave is stored as that agent's: asked again, the call's own may answer. */
  #store(
    { call, key }: CachedCall,
    result: AgentResult,
    events: readonly StreamEvent[] | undefined,
    answeredBy: RegisteredAgent | undefined,
  ): void {
    const { output, data, usage, costUsd, model, finishReason, steps } = result;
    const source = sourceDigest((answeredBy ?? call).definition);
    const answer = { output, data, usage, costUsd, model, finishReason, steps, events, source };
    if (answeredBy === undefined) {
      void this.#cache.store({ key, agent: call.agent, tenant: call.tenant }, answer, storageOf(call));
      return;
    }
    const { name } = answeredBy.definition;
    if (answeredBy.definition.cache === false || !this.#cache.isCacheable(name)) return;
    const target = { key: this.#cache.key(requestOf(call, answeredBy)), agent: name, tenant: call.tenant };
    void this.#cache.store(target, answer, storageOf(call));
  }

  #reportNotRenewed({ call, key }: CachedCall, error: TuttiError): void {
    // Closing ends it; that is no failure.
    if (error.code === 'TUTTI_CANCELLED') return;
    const { agent, callId, services } = call;
    services.logger.warn(
      { agent, callId, code: error.code },
      'renewing a stale answer failed; it stays as it is',
    );
    this.#cache.reportRevalidateFailure(key, agent, error);
  }

  #forget(key: string): void {
    this.#recorder?.forgotten(key);
    this.#running.delete(key);
    this.#refreshing.delete(key);
  }

  #forgetAll(): void {
    this.#recorder?.forgotten(undefined);
    this.#running.clear();
    this.#refreshing.clear();
  }
}

/** What the call, else its agent, says about the cache. */
function wishOf({ definition, options }: Call): CallOptions['cache'] {
  return options?.cache ?? definition.cache;
}

/** How the answer is stored: what the call says, laid over what the agent says. */
function storageOf(call: Call): CacheSetOptions | undefined {
  const ttlMs = storageSetting(call, 'ttlMs') ?? schemaTtlMs(call.definition.output);
  const tags = storageSetting(call, 'tags');
  return ttlMs === undefined && tags === undefined ? undefined : { ttlMs, tags };
}

function storageSetting<Setting extends keyof CacheStorage>(
  { definition, options }: Call,
  setting: Setting,
): CacheStorage[Setting] {
  const agents = definition.cache === false ? undefined : definition.cache;
  const own = typeof options?.cache === 'object' ? options.cache : undefined;
  return own?.[setting] ?? agents?.[setting];
}

/** Says of a request that has no key how it can be made even so. */
function withoutKey(error: Error): Error {
  if (fieldOf(error, 'code') !== 'TUTTI_INVALID_ARGUMENT') return error;
  const { field, message, details } = error as InvalidArgumentError;
  const path = inCall(field);
  return new InvalidArgumentError(
    path,
    `${inCall(message)} As it is, its answer cannot be cached; with \`cache: false\` the call goes past the cache.`,
    { details: { ...details, field: path }, cause: error },
  );
}

/** A path in the cache's request as the caller of the orchestrator knows it. */
const inCall = (text: string): string => text.replace(/^request\./, '');

/** Settles a call with a stored answer; a stream gets the stored events first. */
function giveHit(call: Call, hit: CacheHit): void {
  const replay = new Replay(hit.events ?? [], storageSetting(call, 'replay'), call.services.clock);
  const delivered = call.deliver(replay.events);
  if (delivered === undefined) {
    settleCall(call, buildHit(call, hit));
    return;
  }
  call.stage = {
    cancel: (reason) => {
      replay.cancel(reason);
      failCall(call, reason);
    },
  };
  void delivered.then(() => {
    if (call.reason !== undefined) return;
    call.stage = undefined;
    settleCall(call, buildHit(call, hit));
  });
}

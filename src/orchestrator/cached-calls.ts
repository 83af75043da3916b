import type { CacheRequest } from '../cache/cache-key.js';
import type { CacheHit } from '../cache/cached-answer.js';
import type { ResponseCache } from '../cache/response-cache.js';
import type { CacheStorage } from '../contracts/cache-storage.js';
import type { CallOutcome } from '../contracts/result.js';
import type { StreamEvent } from '../contracts/stream-event.js';
import { asError } from '../errors/foreign.js';
import { buildHit } from './build-result.js';
import type { Call } from './call.js';
import type { CallCache } from './call-parts.js';
import { definitionDigest } from './definition-digest.js';
import { isPromiseLike } from './invoke-agent.js';
import { queueUp } from './run-call.js';
import { failCall, settleCall } from './settle-call.js';
import { SharedCall } from './shared-call.js';

/** A call whose answer is or will be in the cache. */
interface CachedCall {
  readonly call: Call;
  readonly key: string;
  readonly storage: CacheStorage | undefined;
}

/** The cache in the path of a call: answers calls from it, and has identical ones at the same time made once. */
export class CachedCalls implements CallCache {
  readonly #cache: ResponseCache;
  /** Whether the cache was made for this orchestrator and closes with it. */
  readonly #isOwned: boolean;
  readonly #running = new Map<string, SharedCall>();
  /** Those that compute anew what is stored: a call that may take the stored answer does not wait for them. */
  readonly #refreshing = new Map<string, SharedCall>();
  readonly #stopListening: () => void;

  constructor(cache: ResponseCache, isOwned: boolean) {
    this.#cache = cache;
    this.#isOwned = isOwned;
    this.#stopListening = cache.onInvalidate({
      forget: (key) => this.#forget(key),
      forgetAll: () => this.#forgetAll(),
    });
  }

  take(call: Call): boolean {
    const wish = call.options?.cache ?? call.definition.cache;
    if (wish === false || !this.#cache.isCacheable(call.agent)) return false;
    let key: string;
    try {
      key = this.#cache.key(requestOf(call));
    } catch (error) {
      failCall(call, asError(error));
      return true;
    }
    if (wish === 'refresh') this.#join({ call, key, storage: storageOf(call) }, this.#refreshing);
    else this.#answer({ call, key, storage: wish });
    return true;
  }

  async close(): Promise<void> {
    this.#stopListening();
    for (const shared of [...this.#running.values(), ...this.#refreshing.values()]) {
      shared.cancelBecause('the orchestrator was closed');
    }
    if (this.#isOwned) await this.#cache.close();
    else await this.#cache.flush();
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
      this.#join(cached, this.#running);
      return;
    }
    if (hit.stale && this.#refreshing.get(cached.key)?.isJoinable !== true) {
      this.#launch(cached, this.#refreshing, true);
    }
    giveHit(cached.call, hit);
  }

  /** Waits for the running call of the key, or makes it. */
  #join(cached: CachedCall, calls: Map<string, SharedCall>): void {
    const running = calls.get(cached.key);
    if (running?.isJoinable === true) this.#share(running, cached.call);
    else this.#launch(cached, calls, false);
  }

  #share(running: SharedCall, call: Call): void {
    this.#cache.noteShared();
    running.join(call);
  }

  #launch(cached: CachedCall, calls: Map<string, SharedCall>, isBackground: boolean): void {
    const { key, call } = cached;
    const shared = new SharedCall(call, isBackground, (outcome, events) => {
      // One that was forgotten meanwhile is no longer listed, and its answer must not be stored.
      if (calls.get(key) !== shared) return;
      calls.delete(key);
      this.#store(cached, outcome, events);
    });
    calls.set(key, shared);
    if (!isBackground) shared.join(call);
    queueUp(shared);
  }

  #store(
    { call, key, storage }: CachedCall,
    outcome: CallOutcome,
    events: readonly StreamEvent[] | undefined,
  ): void {
    if (!outcome.success) return;
    const { output, data, usage, costUsd, model, finishReason, steps } = outcome;
    const answer = { output, data, usage, costUsd, model, finishReason, steps, events };
    void this.#cache.store(key, call.agent, answer, storage);
  }

  #forget(key: string): void {
    this.#running.delete(key);
    this.#refreshing.delete(key);
  }

  #forgetAll(): void {
    this.#running.clear();
    this.#refreshing.clear();
  }
}

/** Everything that can change the answer. */
function requestOf(call: Call): CacheRequest {
  const { agent, task, model, tenant } = call;
  return { agent, task, model, params: call.params, tenant, definition: definitionDigest(call.definition) };
}

function storageOf({ definition }: Call): CacheStorage | undefined {
  return definition.cache === false ? undefined : definition.cache;
}

/** Settles a call with a stored answer; a stream gets the stored events first. */
function giveHit(call: Call, hit: CacheHit): void {
  const delivered = call.deliver(hit.events ?? []);
  if (delivered === undefined) {
    settleCall(call, buildHit(call, hit));
    return;
  }
  call.stage = { cancel: (reason) => failCall(call, reason) };
  void delivered.then(() => {
    if (call.reason !== undefined) return;
    call.stage = undefined;
    settleCall(call, buildHit(call, hit));
  });
}

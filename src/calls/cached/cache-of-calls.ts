import type { CacheRequest } from '../../cache/cache-key.js';
import type { ResponseCache } from '../../cache/response-cache.js';
import type { TuttiEvents } from '../../contracts/events.js';
import type { TypedEmitter } from '../../events/typed-emitter.js';
import { LazyModule } from '../../lifecycle/lazy-module.js';
import type { Call } from '../call.js';
import type { CallCache } from '../call-services.js';
import type { StepRecorder } from '../call-steps.js';
import type { CachedCalls } from './cached-calls.js';

/** What answers calls from the cache: for orchestrators that have one. */
export const cachedCallsCode = new LazyModule(() => import('./cached-calls.js'));

/** The cache of an orchestrator: the door to {@link CachedCalls}, which the first call of an agent has loaded. */
export class CacheOfCalls implements CallCache {
  readonly responses: ResponseCache;
  /** Whether the cache was made for this orchestrator and closes with it. */
  readonly #isOwned: boolean;
  readonly #stopForwarding: () => void;
  readonly #recorder: StepRecorder | undefined;
  #calls: CachedCalls | undefined = undefined;

  constructor(
    cache: ResponseCache,
    isOwned: boolean,
    events: TypedEmitter<TuttiEvents>,
    recorder: StepRecorder | undefined,
  ) {
    this.responses = cache;
    this.#recorder = recorder;
    this.#isOwned = isOwned;
    this.#stopForwarding = cache.observe(
      (name, payload) => events.emit(name, payload as TuttiEvents[typeof name]),
      (name) => events.wants(name),
    );
  }

  take(call: Call): boolean {
    this.#calls ??= this.#open();
    return this.#calls.take(call);
  }

  keyOf(request: CacheRequest): string | undefined {
    return this.responses.isCacheable(request.agent) ? this.responses.key(request) : undefined;
  }

  peekMany(keys: readonly string[]): Promise<boolean[]> {
    return this.responses.peekMany(keys);
  }

  async close(timeoutMs: number): Promise<void> {
    this.#calls?.end();
    try {
      if (this.#isOwned) await this.responses.closeWithin(timeoutMs);
      // Calls asked for no storing, so what they could not store is reported and fails nothing.
      else await this.responses.flush().catch(() => {});
    } finally {
      // Last, as closing may find something to tell.
      this.#stopForwarding();
    }
  }

  #open(): CachedCalls {
    if (cachedCallsCode.loaded === undefined) throw new Error('A call came before its cache was loaded.');
    return new cachedCallsCode.loaded.CachedCalls(this.responses, this.#recorder);
  }
}

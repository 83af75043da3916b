import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { DeepReadonly } from '../collections/deep-freeze.js';
import { messageOf } from '../errors/foreign.js';
import { ClosedError, InvalidArgumentError } from '../errors/input-errors.js';
import { StateFileError } from '../errors/state-file-error.js';
import { TypedEmitter, type Unsubscribe } from '../events/typed-emitter.js';
import { DirectoryWatcher } from '../files/directory-watcher.js';
import { targetOf } from '../files/partial-file.js';
import { WriteClaim } from '../files/write-claim.js';
import { madeOnce } from '../input/made-once.js';
import { delayMs } from '../input/number-schemas.js';
import { optionsObject } from '../input/option-schemas.js';
import { parseOptions } from '../input/parse-options.js';
import { withDefault } from '../input/schema.js';
import { unknownKeyError } from '../input/unknown-key.js';
import type { TimerHandle } from '../time/clock.js';
import { type Snapshot, StateFile } from './state-file.js';
import {
  type ResolvedStateManagerOptions,
  resolveStateOptions,
  type StateManagerOptions,
} from './state-options.js';
import { applyUpdates, type PendingUpdate, patchWith, type StateUpdater, stateText } from './state-update.js';

/** The time that editors need between the steps in which they replace a file, in milliseconds. */
const SETTLE_MS = 150;

/** The state has changed. */
export interface StateChange<State> {
  /** The new state, frozen. */
  state: DeepReadonly<State>;
  /** The one before. */
  previous: DeepReadonly<State>;
  /** `update`: this object has changed it; `file`: the file was changed in another way. */
  source: 'update' | 'file';
  /** When it became the state here, in milliseconds since the Unix epoch. */
  at: number;
}

/** The events of a {@link StateManager}. */
export interface StateEvents<State> {
  /** The state has changed: once for each change of the file. */
  change: StateChange<State>;
  /** The file is missing or cannot be used; the state stays what it was. Once for each problem, for as long as it lasts. */
  error: StateFileError;
}

const closeStateSchema = madeOnce(() => optionsObject({ drainMs: withDefault(delayMs(), 20_000) }));

/**
 * A small state in a JSON file: read from memory, checked by a schema, written atomically, and up to date when others
 * change the file.
 *
 * - Updates run one after the other, also those of other objects and processes on this machine: none is lost.
 * - At every moment the file is the old one or the whole new one, also when the process is killed.
 * - A file that is broken never becomes the state and is never overwritten by an update.
 *
 * @example
 * ```ts
 * await using state = new StateManager({
 *   path: 'state.json',
 *   schema: z.object({ runs: z.number() }),
 *   default: { runs: 0 },
 * });
 * await state.start();
 * await state.update(({ runs }) => ({ runs: runs + 1 }));
 * console.log(state.get().runs);
 * ```
 */
export class StateManager<State> implements AsyncDisposable {
  readonly #options: ResolvedStateManagerOptions<State>;
  readonly #file: StateFile<State>;
  readonly #events: TypedEmitter<StateEvents<State>>;
  #current: Snapshot<State> | undefined = undefined;
  #lastUpdated: Date | undefined = undefined;
  #starting: Promise<void> | undefined = undefined;
  #watcher: DirectoryWatcher | undefined = undefined;
  /** What has been reported and still holds. */
  #problem: string | undefined = undefined;
  #pending: Array<PendingUpdate<State>> = [];
  #draining: Promise<void> | undefined = undefined;
  /** Everything that uses the file, one after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined = undefined;
  #isDropped = false;

  /** Touches no file. @throws `InvalidArgumentError` for an unknown or invalid option. */
  constructor(options: StateManagerOptions<State>) {
    this.#options = resolveStateOptions(options);
    const { path, schema, clock } = this.#options;
    this.#file = new StateFile(path, schema, clock);
    this.#events = new TypedEmitter('tutti:state', ['change', 'error'], (error, event) => {
      this.#warn(`A listener of the state's ${event} event threw: ${messageOf(error)}`);
    });
  }

  /** The absolute path of the file. */
  get path(): string {
    return this.#file.path;
  }

  /** When the state was last loaded or changed; `undefined` before the start. */
  get lastUpdated(): Date | undefined {
    return this.#lastUpdated;
  }

  /** Whether changes of the file are noticed: from the start to `close()`, unless `watch` is off. */
  get watching(): boolean {
    return this.#watcher !== undefined && this.#closing === undefined;
  }

  /**
   * Reads the file, or creates it with the default if it is missing, and starts to watch it. Calling it again returns
   * the same promise; after a failure it tries again.
   *
   * Rejects with a {@link StateFileError} when the file cannot be used: it is then left as it is.
   */
  start(): Promise<void> {
    if (this.#closing !== undefined) return Promise.reject(new ClosedError('state'));
    this.#starting ??= this.#start().catch((error: unknown) => {
      this.#starting = undefined;
      throw error;
    });
    return this.#starting;
  }

  /**
   * The state, frozen. Reads no file.
   *
   * @throws `InvalidArgumentError` before the start has finished.
   */
  get(): DeepReadonly<State> {
    if (this.#current !== undefined) return this.#current.state;
    throw new InvalidArgumentError(
      'start',
      'get: the state is not loaded yet. Wait for start() before get().',
    );
  }

  /**
   * Replaces the whole state. Resolves with it when it is on disk. A file with broken content is copied to
   * `<path>.broken-<date>` first.
   *
   * Rejects with an `InvalidArgumentError` if the value does not match the schema or is not JSON, and with a
   * {@link StateFileError} if the file cannot be written; the state then stays.
   */
  set(value: State | DeepReadonly<State>): Promise<DeepReadonly<State>> {
    return this.#submit(undefined, value);
  }

  /**
   * Changes the state: by an object whose fields replace those of the same name, or by a function that is called with
   * the latest state and returns the next one. Resolves with the next state when it is on disk. Updates that wait at the
   * same time are written together, in order.
   *
   * Rejects as {@link StateManager.set} does, with what the function throws, and with a {@link StateFileError} while the
   * file has broken content.
   */
  update(
    change: Partial<State> | Partial<DeepReadonly<State>> | StateUpdater<State>,
  ): Promise<DeepReadonly<State>> {
    try {
      const isFunction = typeof change === 'function';
      return this.#submit(isFunction ? change : patchWith(change), undefined);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Reads the file now. Resolves with the state that it has; rejects with a {@link StateFileError} if the file is missing
   * or broken, and the state stays.
   */
  async reload(): Promise<DeepReadonly<State>> {
    await this.start();
    return await this.#inTurn(async () => {
      this.#adopt(await this.#readSettled(), 'file');
      return this.get();
    });
  }

  /** Calls the listener at each event. Returns a disposable function that ends it. @throws `InvalidArgumentError` for an unknown event. */
  on<Name extends keyof StateEvents<State> & string>(
    event: Name,
    listener: (payload: StateEvents<State>[Name]) => void,
  ): Unsubscribe {
    if (!this.#events.knows(event)) throw unknownKeyError('', event, this.#events.names(), 'event');
    return this.#events.on(event, listener);
  }

  /**
   * Stops watching and waits until the updates so far are on disk, at most `drainMs` milliseconds (default 20,000); the
   * rest rejects with a `ClosedError`. `get()` works on; everything else is refused. Calling it again returns the same
   * promise.
   */
  close(options: { drainMs?: number | undefined } = {}): Promise<void> {
    if (this.#closing === undefined) {
      const { drainMs } = parseOptions(closeStateSchema(), options, 'close options');
      this.#closing = this.#close(drainMs);
    }
    return this.#closing;
  }

  /** Closes it with the default `drainMs`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #start(): Promise<void> {
    const { watch, pollMs, clock } = this.#options;
    await this.#inTurn(async () => {
      try {
        this.#adopt(await this.#readSettled(), 'file');
      } catch (error) {
        if (!isMissing(error) || this.#options.default === undefined) throw error;
        await this.#create();
      }
    });
    if (!watch || this.#closing !== undefined) return;
    this.#watcher = new DirectoryWatcher(() => this.#check(), { poll: 'also', checkEveryMs: pollMs, clock });
    await this.#follow();
  }

  /** Creates the file with the default, unless another process has done so meanwhile. */
  async #create(): Promise<void> {
    const { default: initial, schema } = this.#options;
    const value = typeof initial === 'function' ? (initial as () => State)() : initial;
    const text = stateText(value, schema);
    await this.#claimed(async () => {
      const created = await this.#file.read(undefined).catch((error: unknown) => {
        if (!isMissing(error)) throw error;
        return undefined;
      });
      if (created === undefined) {
        await this.#file.replace(text, async () => (await this.#file.version()) === undefined);
      }
    });
    this.#adopt(await this.#file.read(undefined), 'file');
  }

  #submit(update: StateUpdater<State> | undefined, value: unknown): Promise<DeepReadonly<State>> {
    return new Promise((resolve, reject) => {
      this.#refuseIfClosed();
      this.#pending.push({ update, value, resolve, reject });
      if (this.#pending.length > 1) return;
      this.#draining = this.start().then(
        () => this.#inTurn(() => this.#writePending()),
        (error: unknown) => this.#rejectPending(error),
      );
    });
  }

  /** Writes what waits. Never rejects: what goes wrong is the outcome of the updates. */
  async #writePending(): Promise<void> {
    let updates: ReadonlyArray<PendingUpdate<State>> = [];
    try {
      await this.#claimed(async (claim) => {
        updates = this.#pending.splice(0);
        while (updates.length > 0) updates = await this.#write(updates, claim);
      });
    } catch (error) {
      for (const { reject } of updates) reject(error);
      this.#rejectPending(error);
    }
  }

  /** @returns the updates to apply again, because the file has changed meanwhile. */
  async #write(
    updates: ReadonlyArray<PendingUpdate<State>>,
    claim: WriteClaim,
  ): Promise<ReadonlyArray<PendingUpdate<State>>> {
    const schema = this.#options.schema;
    const version = await this.#file.version();
    const base = await this.#readBase();
    const { accepted, text } = applyUpdates(
      updates,
      base,
      schema,
      (written) => this.#file.snapshotOf(written).state,
    );
    if (text !== undefined) {
      const next = this.#file.snapshotOf(text);
      const isInPlace = base.isInFile && isDeepStrictEqual(next.state, base.state);
      if (!isInPlace) {
        if ('error' in base) await this.#file.keepCopy();
        const isUnchanged = async (): Promise<boolean> =>
          (await this.#file.version()) === version && (await claim.isReliable());
        if (!(await this.#file.replace(text, isUnchanged))) return accepted.map(({ pending }) => pending);
        this.#adopt(next, 'update');
      }
    }
    for (const { pending, state } of accepted) pending.resolve(state);
    return [];
  }

  /** What updates start from: the state in the file, the last one if the file is missing, or why there is none. */
  async #readBase() {
    try {
      this.#adopt(await this.#readSettled(), 'file');
      return { state: this.get(), isInFile: true };
    } catch (error) {
      return isMissing(error) ? { state: this.get(), isInFile: false } : { error, isInFile: false };
    }
  }

  #rejectPending(error: unknown): void {
    for (const { reject } of this.#pending.splice(0)) reject(error);
  }

  /** Runs work while no other writer on this machine may replace the file. */
  async #claimed(work: (claim: WriteClaim) => Promise<void>): Promise<void> {
    const { path } = this.#file;
    const target = await targetOf(path);
    const claim = await WriteClaim.take(target, this.#options.clock, () => !this.#isDropped).catch(
      (cause: unknown) => {
        const problem = `its folder cannot be written: ${messageOf(cause)}.`;
        throw new StateFileError('unwritable', path, problem, { cause });
      },
    );
    if (claim === undefined) throw new ClosedError('state');
    try {
      await work(claim);
    } finally {
      await claim.release();
    }
  }

  /** Runs work when everything before it has ended. */
  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const run = this.#turn.then(work);
    this.#turn = run.catch(() => {});
    return run;
  }

  /** Reads the file; if it is broken, once more a moment later, as someone may be writing it. */
  async #readSettled(): Promise<Snapshot<State>> {
    const { clock } = this.#options;
    try {
      return await this.#file.read(this.#current);
    } catch (error) {
      // Nothing is being replaced that has never been there.
      if (this.#current === undefined && isMissing(error)) throw error;
      await new Promise((resolve) => clock.setTimeout(resolve, SETTLE_MS, undefined));
      return await this.#file.read(this.#current);
    }
  }

  #adopt(next: Snapshot<State>, source: StateChange<State>['source']): void {
    const before = this.#current;
    this.#problem = undefined;
    // What is only written in another way is no change.
    if (before !== undefined && isDeepStrictEqual(before.state, next.state)) {
      this.#current = { ...next, state: before.state };
      return;
    }
    const at = this.#options.clock.epochMs();
    this.#current = next;
    this.#lastUpdated = new Date(at);
    if (before === undefined || !this.#events.wants('change')) return;
    this.#events.emit('change', { state: next.state, previous: before.state, source, at });
  }

  /** The file may have changed. */
  async #check(): Promise<void> {
    await this.#follow();
    await this.#inTurn(async () => {
      try {
        // A problem that lasts has been given its time.
        const read = this.#problem === undefined ? this.#readSettled() : this.#file.read(this.#current);
        this.#adopt(await read, 'file');
      } catch (error) {
        this.#report(error as StateFileError);
      }
    });
  }

  /** Watches the folder of the path, and that of the file if the path is a link to it. */
  async #follow(): Promise<void> {
    this.#watcher?.follow([dirname(this.path), dirname(await targetOf(this.path))]);
  }

  #report(error: StateFileError): void {
    if (this.#closing !== undefined || error.message === this.#problem) return;
    this.#problem = error.message;
    const isHeard = this.#events.wants('error');
    if (isHeard) this.#events.emit('error', error);
    if (!isHeard || this.#options.logger !== undefined) this.#warn(error.message, error.code);
  }

  #warn(message: string, code?: string): void {
    const { logger } = this.#options;
    if (logger !== undefined) logger.warn({ file: this.path, code }, message);
    else process.emitWarning(message, { type: 'TuttiWarning', ...(code === undefined ? {} : { code }) });
  }

  #refuseIfClosed(): void {
    if (this.#closing !== undefined) throw new ClosedError('state');
  }

  async #close(drainMs: number): Promise<void> {
    const { clock } = this.#options;
    let timer: TimerHandle;
    const timeIsUp = new Promise<void>((resolve) => {
      timer = clock.setTimeout(resolve, drainMs, undefined);
    });
    const drained = Promise.allSettled([this.#starting, this.#draining]).then(() => this.#turn);
    await Promise.race([drained, timeIsUp]);
    clock.clearTimeout(timer);
    this.#isDropped = true;
    this.#rejectPending(new ClosedError('state'));
    await this.#watcher?.close();
  }
}

function isMissing(error: unknown): boolean {
  return StateFileError.isInstance(error) && error.code === 'TUTTI_STATE_FILE' && error.problem === 'missing';
}

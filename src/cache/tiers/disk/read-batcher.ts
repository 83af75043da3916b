/** Reads that a {@link ReadBatcher} issues. */
export interface BatchReads<Value> {
  /** Reads one key. */
  readonly one: (key: string) => Promise<Value | undefined>;
  /** Reads several keys at once; returns those that exist. */
  readonly many: (keys: readonly string[]) => Promise<ReadonlyMap<string, Value>>;
}

/** One requested key, shared by all callers of the same turn. */
interface Asked<Value> {
  readonly promise: Promise<Value | undefined>;
  readonly resolve: (value: Value | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** Keys of one statement: more would only make longer pauses while rows are turned into objects. */
const MAX_KEYS = 100;

/** Joins all reads of one turn of the event loop into one statement, each key once. */
export class ReadBatcher<Value> {
  readonly #reads: BatchReads<Value>;
  #open: Map<string, Asked<Value>> | undefined;

  constructor(reads: BatchReads<Value>) {
    this.#reads = reads;
  }

  read(key: string): Promise<Value | undefined> {
    const batch = this.#open ?? this.#startBatch();
    const asked = batch.get(key) ?? ask<Value>();
    batch.set(key, asked);
    if (batch.size >= MAX_KEYS) this.#open = undefined;
    return asked.promise;
  }

  #startBatch(): Map<string, Asked<Value>> {
    const batch = new Map<string, Asked<Value>>();
    this.#open = batch;
    process.nextTick(() => {
      if (this.#open === batch) this.#open = undefined;
      if (batch.size === 1)
        for (const [key, asked] of batch) this.#reads.one(key).then(asked.resolve, asked.reject);
      else this.#readMany(batch);
    });
    return batch;
  }

  #readMany(batch: ReadonlyMap<string, Asked<Value>>): void {
    this.#reads.many([...batch.keys()]).then(
      (found) => {
        for (const [key, asked] of batch) asked.resolve(found.get(key));
      },
      (error: unknown) => {
        for (const asked of batch.values()) asked.reject(error);
      },
    );
  }
}

function ask<Value>(): Asked<Value> {
  let resolve: Asked<Value>['resolve'] = () => {};
  let reject: Asked<Value>['reject'] = () => {};
  const promise = new Promise<Value | undefined>((fulfil, fail) => {
    resolve = fulfil;
    reject = fail;
  });
  return { promise, resolve, reject };
}

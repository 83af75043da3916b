/** Reads several keys at once; gives what is there. */
type ReadMany<Value> = (keys: readonly string[]) => Promise<ReadonlyMap<string, Value>>;

interface Batch<Value> {
  readonly keys: Set<string>;
  readonly result: Promise<ReadonlyMap<string, Value>>;
}

/** Keys of one statement: more would only make longer pauses while rows are turned into objects. */
const MAX_KEYS = 100;

/** Joins the reads of one turn of the event loop into one, whoever asks, the same key once. */
export class ReadBatcher<Value> {
  readonly #readMany: ReadMany<Value>;
  #open: Batch<Value> | undefined;

  constructor(readMany: ReadMany<Value>) {
    this.#readMany = readMany;
  }

  read(key: string): Promise<Value | undefined> {
    const batch = this.#open ?? this.#startBatch();
    batch.keys.add(key);
    if (batch.keys.size >= MAX_KEYS) this.#open = undefined;
    return batch.result.then((found) => found.get(key));
  }

  #startBatch(): Batch<Value> {
    const keys = new Set<string>();
    const result = new Promise<ReadonlyMap<string, Value>>((resolve) => {
      process.nextTick(() => {
        if (this.#open === batch) this.#open = undefined;
        resolve(this.#readMany([...keys]));
      });
    });
    const batch = { keys, result };
    this.#open = batch;
    return batch;
  }
}

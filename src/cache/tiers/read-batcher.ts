/** Reads several keys at once; gives what is there in the order of the keys. */
type ReadMany<Value> = (keys: readonly string[]) => Promise<ReadonlyArray<Value | undefined>>;

interface Batch<Value> {
  readonly places: Map<string, number>;
  readonly result: Promise<ReadonlyArray<Value | undefined>>;
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

  async read(key: string): Promise<Value | undefined> {
    const batch = this.#open ?? this.#startBatch();
    let place = batch.places.get(key);
    if (place === undefined) {
      place = batch.places.size;
      batch.places.set(key, place);
    }
    if (batch.places.size >= MAX_KEYS) this.#open = undefined;
    return (await batch.result)[place];
  }

  #startBatch(): Batch<Value> {
    const places = new Map<string, number>();
    const result = new Promise<void>((resolve) => process.nextTick(resolve)).then(() => {
      if (this.#open === batch) this.#open = undefined;
      return this.#readMany([...places.keys()]);
    });
    const batch = { places, result };
    this.#open = batch;
    return batch;
  }
}

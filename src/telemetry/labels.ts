/** The label of everything beyond the values that are counted apart. */
export const OTHER = 'other';

/**
 * What is counted for each value of a label: for the first so many values apart, for all further ones together under
 * `other`, so that a label with a million values takes no more memory than one with a thousand.
 */
export class LabelledFigures<Figures> {
  readonly #maxValues: number;
  readonly #make: () => Figures;
  readonly #byValue = new Map<string, Figures>();

  constructor(maxValues: number, make: () => Figures) {
    this.#maxValues = maxValues;
    this.#make = make;
  }

  /** The figures of a value, which are made on first use. */
  of(value: string): Figures {
    return this.#byValue.get(value) ?? this.#first(value);
  }

  /** The values that are counted apart, and `other`. */
  entries(): IterableIterator<[value: string, figures: Figures]> {
    return this.#byValue.entries();
  }

  /** Plain JSON of what each value has. */
  toRecord<Plain>(plain: (figures: Figures) => Plain): Record<string, Plain> {
    return Object.fromEntries([...this.#byValue].map(([value, figures]) => [value, plain(figures)]));
  }

  #first(value: string): Figures {
    // `other` itself is not one of the values.
    const apart = this.#byValue.size - (this.#byValue.has(OTHER) ? 1 : 0);
    const label = apart < this.#maxValues ? value : OTHER;
    const known = this.#byValue.get(label);
    if (known !== undefined) return known;
    const figures = this.#make();
    this.#byValue.set(label, figures);
    return figures;
  }
}

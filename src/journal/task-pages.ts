import type { RunDifference } from '../errors/run-errors.js';
import { differingParts, FINGERPRINT_BYTES } from './fingerprint.js';
import type { JournalFile, JournalRow } from './journal-file.js';

/** Fingerprints on one page. */
export const PAGE_TASKS = 128;

const UNKNOWN = Buffer.alloc(FINGERPRINT_BYTES);

/**
 * The fingerprints of a run's tasks by their places, in pages of which one is open at a time. They are filled in as
 * tasks are read; one that has been is compared.
 */
export class TaskPages {
  readonly #file: JournalFile;
  readonly #lastStored: number;
  readonly #given = Buffer.alloc(FINGERPRINT_BYTES);
  #page = -1;
  #bytes = Buffer.alloc(PAGE_TASKS * FINGERPRINT_BYTES);
  #isChanged = false;

  /** @param lastStored Number of the last page that is in the file; -1 for none. */
  constructor(file: JournalFile, lastStored: number) {
    this.#file = file;
    this.#lastStored = lastStored;
  }

  /** Whether the place's page is open. */
  isOpenAt(position: number): boolean {
    return pageOf(position) === this.#page;
  }

  /** Opens the place's page. Changes of the one before have to be taken first. */
  async openAt(position: number): Promise<void> {
    const page = pageOf(position);
    const bytes = Buffer.alloc(PAGE_TASKS * FINGERPRINT_BYTES);
    if (page <= this.#lastStored) {
      const [row] = await this.#file.rowsAt('page', [page]);
      if (ArrayBuffer.isView(row?.value)) bytes.set(row.value.subarray(0, bytes.length));
    }
    this.#page = page;
    this.#bytes = bytes;
  }

  /** Whether the place on the open page has a fingerprint. */
  has(position: number): boolean {
    return !this.#at(position).equals(UNKNOWN);
  }

  /** Compares a fingerprint with the one on the open page, or notes it where there is none; says what differs. */
  compare(position: number, fingerprint: string): RunDifference[] {
    const stored = this.#at(position);
    this.#given.write(fingerprint, 'hex');
    if (stored.equals(this.#given)) return [];
    if (!stored.equals(UNKNOWN)) return differingParts(stored, this.#given);
    stored.set(this.#given);
    this.#isChanged = true;
    return [];
  }

  /** The open page as a row, if it changed since it was last taken. */
  takeChanged(): JournalRow | undefined {
    if (!this.#isChanged) return undefined;
    this.#isChanged = false;
    // A copy: the page goes on changing while it is written.
    return { kind: 'page', position: this.#page, success: undefined, value: Buffer.from(this.#bytes) };
  }

  #at(position: number): Buffer {
    const from = (position % PAGE_TASKS) * FINGERPRINT_BYTES;
    return this.#bytes.subarray(from, from + FINGERPRINT_BYTES);
  }
}

function pageOf(position: number): number {
  return Math.floor(position / PAGE_TASKS);
}

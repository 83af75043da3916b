import type { RunDifference } from '../errors/run-errors.js';
import { differingParts, FINGERPRINT_BYTES } from './fingerprint.js';
import { type JournalRow, pageId } from './journal-rows.js';

/** Fingerprints on one page. */
export const PAGE_TASKS = 128;
const PAGE_BYTES = PAGE_TASKS * FINGERPRINT_BYTES;

const UNKNOWN = Buffer.alloc(FINGERPRINT_BYTES);

/** Number of the page that the fingerprint of the task at this position is on. */
export function pageOf(position: number): number {
  return Math.floor(position / PAGE_TASKS);
}

/**
 * The fingerprints of a run's tasks by position, in pages of which one is open at a time. A page is filled in as
 * tasks are read; a fingerprint that is there already is compared.
 */
export class TaskPages {
  /** Reads a page; `undefined` when there is none. */
  readonly #read: (page: number) => Promise<string | undefined>;
  readonly #given = Buffer.alloc(FINGERPRINT_BYTES);
  #page = -1;
  #bytes = Buffer.alloc(PAGE_BYTES);
  #isChanged = false;

  constructor(read: (page: number) => Promise<string | undefined>) {
    this.#read = read;
  }

  /** Whether the position's page is open. */
  isOpenAt(position: number): boolean {
    return pageOf(position) === this.#page;
  }

  /** Opens the position's page. Changes of the page before have to be taken first. */
  async openAt(position: number): Promise<void> {
    const page = pageOf(position);
    const bytes = Buffer.alloc(PAGE_BYTES);
    const stored = await this.#read(page);
    if (stored !== undefined) bytes.write(stored, 'base64');
    this.#page = page;
    this.#bytes = bytes;
  }

  /** Whether the position on the open page has a fingerprint. */
  has(position: number): boolean {
    return !this.#at(position).equals(UNKNOWN);
  }

  /** Compares a fingerprint with the one on the open page, or adds it where there is none; returns what differs. */
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
    return { id: pageId(this.#page), task: '', value: this.#bytes.toString('base64') };
  }

  #at(position: number): Buffer {
    const from = (position % PAGE_TASKS) * FINGERPRINT_BYTES;
    return this.#bytes.subarray(from, from + FINGERPRINT_BYTES);
  }
}

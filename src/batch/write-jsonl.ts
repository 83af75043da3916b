import { messageOf } from '../errors/foreign.js';
import { ClosedError, InvalidArgumentError } from '../errors/input-errors.js';
import { JsonlFileError } from '../errors/jsonl-file-error.js';
import { PartialFile } from '../files/partial-file.js';
import { expectText, mismatch } from '../input/checks.js';

/** Characters that are collected before they are written. */
const BUFFER_CHARS = 65_536;

/**
 * Writes a file of JSON lines, one value a line. The file appears at its path when `close()` has finished, whole: until
 * then it is called `<path>.partial`, and a file that is already at the path stays. The folder is created if needed.
 *
 * @example
 * ```ts
 * await using out = writeJsonl('results.jsonl');
 * for (const value of [{ id: 1 }, { id: 2 }]) await out.write(value);
 * await out.close();
 * ```
 *
 * @throws `InvalidArgumentError` for an invalid path.
 */
export function writeJsonl(path: string): JsonlWriter {
  const wrong = expectText(path);
  if (wrong !== undefined) throw mismatch('path', wrong, path);
  return new JsonlWriter(path);
}

/** A file of JSON lines that is being written: see {@link writeJsonl}. */
export class JsonlWriter implements AsyncDisposable {
  readonly #path: string;
  #lines: string[] = [];
  #chars = 0;
  #written = 0;
  #file: Promise<PartialFile> | undefined = undefined;
  #writing: Promise<void> | undefined = undefined;
  #error: JsonlFileError | undefined = undefined;
  #ending: Promise<void> | undefined = undefined;

  /** @internal */
  constructor(path: string) {
    this.#path = path;
  }

  /** Values written so far. */
  get written(): number {
    return this.#written;
  }

  /**
   * Adds a value. Wait for the promise before the next one: it resolves when there is room in memory, so that no more
   * is read or computed than the disk takes. Rejects with a {@link JsonlFileError} if the file cannot be written; so do
   * all calls after that, `close()` included.
   *
   * @throws `InvalidArgumentError` for a value that is no JSON, and `ClosedError` after `close()`.
   */
  write(value: unknown): Promise<void> {
    if (this.#ending !== undefined) throw new ClosedError('JSONL file');
    this.#lines.push(toLine(value));
    this.#chars += (this.#lines.at(-1) as string).length;
    this.#written += 1;
    const written = this.#chars < BUFFER_CHARS ? this.#check() : this.#flush();
    // A caller that does not wait for it learns of the failure from `close()`.
    written.catch(() => {});
    return written;
  }

  /**
   * Writes what is left and puts the file in its place. Calling it again returns the same promise. Rejects with a
   * {@link JsonlFileError} if anything could not be written; the path is then as it was.
   */
  close(): Promise<void> {
    this.#ending ??= this.#finish();
    return this.#ending;
  }

  /** Removes what was written; the path stays as it was. Does nothing after `close()`. */
  discard(): Promise<void> {
    this.#ending ??= this.#remove();
    return this.#ending.catch(() => {});
  }

  /** As {@link JsonlWriter.discard}: a block that is left before `close()`, by an error for instance, leaves no half file. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.discard();
  }

  async #check(): Promise<void> {
    if (this.#error !== undefined) throw this.#error;
  }

  async #finish(): Promise<void> {
    try {
      await this.#flush();
      await (await this.#open()).finish();
    } catch (cause) {
      await this.#remove();
      throw this.#failure(cause);
    }
  }

  async #remove(): Promise<void> {
    try {
      await this.#writing;
      await (await this.#file)?.discard();
    } catch {
      // It could not even be opened, or its disk is gone: there is nothing that could be removed.
    }
  }

  async #flush(): Promise<void> {
    while (this.#error === undefined && (this.#writing !== undefined || this.#chars > 0)) {
      this.#writing ??= this.#writeOut().finally(() => {
        this.#writing = undefined;
      });
      await this.#writing;
    }
    await this.#check();
  }

  async #writeOut(): Promise<void> {
    const text = this.#lines.join('');
    this.#lines = [];
    this.#chars = 0;
    try {
      await (await this.#open()).append(text);
    } catch (cause) {
      this.#error = this.#failure(cause);
    }
  }

  /** Opened with the first line that is written. */
  #open(): Promise<PartialFile> {
    this.#file ??= PartialFile.open(this.#path);
    return this.#file;
  }

  #failure(cause: unknown): JsonlFileError {
    if (this.#error !== undefined) return this.#error;
    return new JsonlFileError(this.#path, undefined, `it cannot be written: ${messageOf(cause)}.`, { cause });
  }
}

function toLine(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw new InvalidArgumentError('value', `value: expected a JSON value; ${messageOf(cause)}.`, { cause });
  }
  if (text === undefined) throw mismatch('value', 'a JSON value', value);
  return `${text}\n`;
}

import { isUtf8 } from 'node:buffer';
import { type BigIntStats, constants } from 'node:fs';
import { copyFile, type FileHandle, open, stat } from 'node:fs/promises';
import { type DeepReadonly, deepFreeze } from '../collections/deep-freeze.js';
import type { OutputSchema } from '../contracts/output-schema.js';
import { fieldOf, messageOf } from '../errors/foreign.js';
import { StateFileError } from '../errors/state-file-error.js';
import { lineOfJsonPath, readJson } from '../files/json-source.js';
import { PartialFile } from '../files/partial-file.js';
import { sha256Hex } from '../hashing/digest.js';
import { describeIssues, pathText } from '../output/describe-issues.js';
import type { Clock } from '../time/clock.js';

const BYTE_ORDER_MARK = /^\uFEFF/;

/** A file that was changed in the last milliseconds before it was read can change again without any sign of it. */
const TOO_RECENT_MS = 20;

/** The content of the file at one time. */
export interface Snapshot<State> {
  readonly state: DeepReadonly<State>;
  readonly digest: string;
  /** Identifies the file on disk; `undefined` if only its content can tell whether it has changed. */
  readonly version: string | undefined;
}

/** A JSON file with a schema. */
export class StateFile<State> {
  readonly path: string;
  readonly #schema: OutputSchema<State>;
  readonly #clock: Clock;

  constructor(path: string, schema: OutputSchema<State>, clock: Clock) {
    this.path = path;
    this.#schema = schema;
    this.#clock = clock;
  }

  /**
   * Reads the file if it has changed.
   *
   * @returns `known` itself, with a newer `version`, when the content is the same.
   * @throws {@link StateFileError} when it is missing, cannot be read, is not JSON or does not match the schema.
   */
  async read(known: Snapshot<State> | undefined): Promise<Snapshot<State>> {
    if (known?.version !== undefined && known.version === (await this.version())) return known;
    const { bytes, version } = await this.#readBytes();
    const digest = sha256Hex(bytes);
    if (known?.digest === digest) return { ...known, version };
    return { state: this.#parse(bytes), digest, version };
  }

  /**
   * What reading the file gives once it has this text.
   *
   * @throws {@link StateFileError} when the text does not match the schema.
   */
  snapshotOf(text: string): Snapshot<State> {
    const bytes = Buffer.from(text);
    return { state: this.#parse(bytes), digest: sha256Hex(bytes), version: undefined };
  }

  /** Identifies the file on disk; `undefined` if it is missing or cannot be looked at. */
  async version(): Promise<string | undefined> {
    const found = await stat(this.path, { bigint: true }).catch(() => undefined);
    return found === undefined ? undefined : versionOf(found);
  }

  /**
   * Replaces the file: at every moment there is the old one or the whole new one.
   *
   * @param mayReplace Asked when the new one is on disk.
   * @returns whether it was replaced.
   * @throws {@link StateFileError} when it cannot be written; the file is then as it was.
   */
  async replace(text: string, mayReplace: () => Promise<boolean>): Promise<boolean> {
    let partial: PartialFile | undefined;
    try {
      partial = await PartialFile.open(this.path);
      await partial.append(text);
      await partial.sync();
      if (await mayReplace()) {
        await partial.finish();
        return true;
      }
    } catch (cause) {
      await partial?.discard().catch(() => {});
      throw new StateFileError('unwritable', this.path, `it cannot be written: ${messageOf(cause)}.`, {
        cause,
      });
    }
    await partial.discard();
    return false;
  }

  /** Copies the file beside itself, under a name that says when, before something else takes its place. */
  async keepCopy(): Promise<void> {
    const date = new Date(this.#clock.epochMs()).toISOString().replaceAll(/[:.]/g, '-');
    try {
      await copyFile(this.path, `${this.path}.broken-${date}`, constants.COPYFILE_FICLONE);
    } catch (cause) {
      if (fieldOf(cause, 'code') === 'ENOENT') return;
      const problem = `its invalid content cannot be copied aside: ${messageOf(cause)}.`;
      throw new StateFileError('unwritable', this.path, problem, { cause });
    }
  }

  /**
   * The state that a text stands for.
   *
   * @throws {@link StateFileError} when the text is not JSON or does not match the schema.
   */
  #parse(bytes: Buffer): DeepReadonly<State> {
    if (!isUtf8(bytes)) throw new StateFileError('not-json', this.path, 'expected UTF-8; got other bytes.');
    const text = bytes.toString('utf8').replace(BYTE_ORDER_MARK, '');
    if (text.trim() === '')
      throw new StateFileError('not-json', this.path, 'expected JSON; the file is empty.');
    const reading = readJson(text);
    if (reading.line !== undefined) {
      const { line } = reading;
      throw new StateFileError('not-json', this.path, 'expected JSON; the text stops being JSON here.', {
        line,
      });
    }
    const parsed = this.#schema.safeParse(reading.value);
    if (parsed.success) return deepFreeze(parsed.data);
    const path = parsed.error.issues[0]?.path ?? [];
    const place = { line: lineOfJsonPath(text, path), field: pathText(path) };
    const problem = `the state does not match the schema: ${describeIssues(parsed.error)}.`;
    throw new StateFileError('invalid', this.path, problem, place);
  }

  async #readBytes(): Promise<{ bytes: Buffer; version: string | undefined }> {
    try {
      const handle = await open(this.path);
      return await this.#readHandle(handle).finally(() => handle.close());
    } catch (cause) {
      if (fieldOf(cause, 'code') === 'ENOENT') {
        throw new StateFileError('missing', this.path, 'the file does not exist.', { cause });
      }
      throw new StateFileError('unreadable', this.path, `it cannot be read: ${messageOf(cause)}.`, { cause });
    }
  }

  async #readHandle(handle: FileHandle): Promise<{ bytes: Buffer; version: string | undefined }> {
    const before = await handle.stat({ bigint: true });
    const bytes = await handle.readFile();
    const after = await handle.stat({ bigint: true });
    const isOld = this.#clock.epochMs() - Number(after.mtimeNs / 1_000_000n) > TOO_RECENT_MS;
    const version = versionOf(after);
    return { bytes, version: isOld && version === versionOf(before) ? version : undefined };
  }
}

function versionOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(':');
}

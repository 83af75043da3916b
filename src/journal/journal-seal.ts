import { isSignedBy, signHex } from '../signing/hmac.js';
import type { KeyRing } from '../signing/key-ring.js';
import { type FoundRow, type JournalRow, MAX_VALUE_BYTES, type SignedRow } from './journal-rows.js';

/** What is wrong with a row that was not written by this run, or not in this way. */
export type RowFault =
  /** Its value is longer than any that is written; it was not read. */
  | 'too-large'
  /** A column is of the wrong type or length, or signed content cannot be read. */
  | 'malformed'
  /** It was signed with a secret that this process does not have. */
  | 'unknown-key'
  /** It was changed, or belongs to another run or another place. */
  | 'bad-signature'
  /** It is the outcome of another task than the one in its place. */
  | 'other-task'
  /** It lies beyond the run's last task. */
  | 'out-of-range';

/** Part of what is signed: rows of another format never verify. */
const FORMAT = 2;

/** Signs the rows of one run, and tells those that are as it wrote them from all others. */
export class JournalSeal {
  readonly #keys: KeyRing;
  readonly #run: string;

  /**
   * @param nonce A random value for each journal, so that rows of an earlier run of the same name are not valid in this one.
   */
  constructor(keys: KeyRing, runId: string, nonce: string) {
    this.#keys = keys;
    this.#run = `${JSON.stringify(runId)},"${nonce}"`;
  }

  sign(row: JournalRow): SignedRow {
    const { keyId, signer } = this.#keys;
    return { ...row, keyId, signature: signHex(signer, this.#head(row.id, row.task, keyId), row.value) };
  }

  /** What is wrong with a row; `undefined` when it is as it was signed. Parses nothing. */
  faultOf(row: FoundRow): RowFault | undefined {
    const { id, task, value, keyId, signature } = row;
    if (row.valueBytes > MAX_VALUE_BYTES) return 'too-large';
    if (typeof task !== 'string' || typeof value !== 'string' || typeof keyId !== 'string')
      return 'malformed';
    const key = this.#keys.find(keyId);
    if (key === undefined) return 'unknown-key';
    return isSignedBy(key, this.#head(id, task, keyId), value, signature) ? undefined : 'bad-signature';
  }

  /** Everything that is signed besides the value, as one line of JSON: it says where each part and the value begin. */
  #head(id: number, task: string, keyId: string): string {
    return `[${FORMAT},"${keyId}",${this.#run},${id},${JSON.stringify(task)}]\n`;
  }
}

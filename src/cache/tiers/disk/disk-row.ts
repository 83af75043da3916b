import type { StoredEntry } from '../../cache-entry.js';

/** A row as it is read. Another program may have written anything into it. */
export interface EntryRow {
  readonly key: string;
  /** Everything but key, price and payload: see {@link HEAD}. */
  readonly head: unknown;
  /** In a column of its own, because SQLite would round it when converting it to text. */
  readonly costUsd: unknown;
  readonly payload: unknown;
}

/** The columns of {@link addRow}. */
export const WRITE_COLUMNS =
  'key, used_at, hits, size_bytes, stale_until, expires_at, cost_usd, agent, tags, writer, origin, signature, payload';

/** What {@link toEntry} takes apart, as one column: each column of a row costs a read as much as a short text does. */
export const HEAD =
  "origin||char(10)||expires_at||' '||stale_until||' '||size_bytes||' '||hits||char(10)||signature||char(10)||tags||char(10)||agent";

/** No head that we write is longer, in bytes: tags and the agent's name are bounded. */
const MAX_HEAD_BYTES = 262_144;

const TEXTS = ['key', 'agent', 'tags', 'origin', 'signature'];
const NUMBERS = ['used_at', 'hits', 'size_bytes', 'stale_until', 'expires_at', 'cost_usd', 'writer'];

/**
 * Whether all columns but the payload are as short as ours. Length of a text and type of a value stand at the head of a
 * row; the value of a column behind a long one is found only by walking over that one, so no value is looked at before.
 */
export const IS_READABLE = [
  `${TEXTS.map((column) => `octet_length(${column})`).join('+')}<=${MAX_HEAD_BYTES}`,
  ...NUMBERS.map((column) => `typeof(${column}) IN ('integer','real')`),
  ...TEXTS.map((column) => `typeof(${column})='text'`),
].join(' AND ');

/** When the answer was computed. */
export const CREATED_AT =
  "iif(octet_length(origin)<=64,CAST(substr(origin,instr(origin,' ')+1) AS INTEGER),0)";

/**
 * The columns of an {@link EntryRow}, nothing in them where any is longer than one of ours can be.
 *
 * @param maxPayloadBytes Longer payloads are not read.
 */
export function readableHead(maxPayloadBytes: number): string {
  const condition = isReadable(maxPayloadBytes);
  return `CASE WHEN ${condition} THEN ${HEAD} END AS head, CASE WHEN ${condition} THEN cost_usd END AS costUsd,
    CASE WHEN ${condition} THEN payload END AS payload`;
}

/** Whether the whole row is short enough to be read. */
export function isReadable(maxPayloadBytes: number): string {
  return `${IS_READABLE} AND octet_length(payload)<=${maxPayloadBytes}`;
}

/**
 * An entry as a row of a statement with {@link WRITE_COLUMNS}; adds what is bound to its parameters. Whole numbers are
 * written into the statement: binding a value costs the event loop more than parsing it costs the thread beside it.
 */
export function addRow(
  entry: StoredEntry,
  { usedAt, writer }: { readonly usedAt: number; readonly writer: number },
  params: Array<string | number>,
): string {
  const { hits, sizeBytes, staleUntil, expiresAt, tags } = entry;
  const inText = (value: number) => numberIn(value, params);
  params.push(entry.key);
  const numbers = `${inText(usedAt)},${inText(hits)},${inText(sizeBytes)},${inText(staleUntil)},${inText(expiresAt)}`;
  params.push(entry.costUsd, entry.agent, tags.length === 0 ? '[]' : JSON.stringify(tags));
  params.push(originOf(entry), entry.signature, entry.payload);
  return `(?,${numbers},?,?,?,${writer},?,?,?)`;
}

/** A whole number as text; another one is bound in its place, in the order of the columns. */
function numberIn(value: number, params: Array<string | number>): string {
  if (Number.isSafeInteger(value)) return String(value);
  params.push(value);
  return '?';
}

/**
 * A row as an entry. Foreign values are passed on unchanged: the seal rejects them.
 *
 * Line breaks part the fields of {@link HEAD}, as none of ours but the last holds any: in a row where another one
 * does, the fields move, and are not what was signed.
 */
export function toEntry({ head, costUsd, payload }: Omit<EntryRow, 'key'>, key: string): StoredEntry {
  const [origin = '', numbers = '', signature = '', tags = '', ...agent] = String(head ?? '').split('\n');
  const { formatVersion, createdAt, keyId } = parseOrigin(origin);
  const [expires, stale, size, hits] = numbers.split(' ', 4);
  return {
    key,
    agent: agent.length === 1 ? (agent[0] as string) : agent.join('\n'),
    tags: parseTags(tags),
    createdAt,
    expiresAt: Number(expires),
    staleUntil: Number(stale),
    payload: payload as string,
    costUsd: costUsd as number,
    sizeBytes: Number(size),
    hits: Number(hits),
    formatVersion,
    keyId,
    signature,
  };
}

type Origin = Pick<StoredEntry, 'formatVersion' | 'createdAt' | 'keyId'>;

/** Fields that are never searched for share a column. */
function originOf({ formatVersion, createdAt, keyId }: Origin): string {
  return `${formatVersion} ${createdAt} ${keyId}`;
}

/** Text that is not exactly what we write becomes an invalid version. */
function parseOrigin(text: string): Origin {
  const [version, created, keyId = ''] = text.split(' ', 3);
  const origin = { formatVersion: Number(version), createdAt: Number(created), keyId };
  return originOf(origin) === text ? origin : { formatVersion: Number.NaN, createdAt: 0, keyId };
}

/** Text that is not exactly what we write becomes a tag that was never signed, so that the seal rejects it. */
function parseTags(text: string): readonly string[] {
  if (text === '[]') return NO_TAGS;
  try {
    const parsed: unknown = JSON.parse(text);
    if (Array.isArray(parsed) && JSON.stringify(parsed) === text) return parsed as string[];
  } catch {
    // Falls through to what is not JSON.
  }
  return [text];
}

const NO_TAGS: readonly string[] = [];

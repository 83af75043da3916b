import { mismatch } from '../input/checks.js';
import { unknownKeyError } from '../input/unknown-key.js';

/** Settings of one stored answer. */
export interface CacheSetOptions {
  /** How long it stays fresh, in milliseconds. @default the cache's `ttlMs` */
  ttlMs?: number | undefined;
  /** Labels for `deleteByTag`: at most 64, each of 1 to 256 characters. @default [] */
  tags?: readonly string[] | undefined;
}

/** In front of a tenant's name in the tag that marks its answers; no tag of a user begins so. */
export const TENANT_PREFIX = 'tutti:tenant:';

const KNOWN = ['ttlMs', 'tags'];
const MOST_TAGS = 64;
const LONGEST_TAG_CHARS = 256;
const LONGEST_TTL_MS = 100 * 365 * 24 * 60 * 60 * 1_000;

/**
 * Checks the settings of one stored answer. By hand, as this runs whenever an answer is stored.
 *
 * @throws {@link InvalidArgumentError} for the first problem.
 */
export function checkSetOptions(options: CacheSetOptions): void {
  for (const name in options) if (!KNOWN.includes(name)) throw unknownKeyError('', name, KNOWN);
  const { ttlMs, tags } = options;
  if (ttlMs !== undefined && !(typeof ttlMs === 'number' && ttlMs > 0 && ttlMs <= LONGEST_TTL_MS)) {
    throw mismatch('ttlMs', `milliseconds above 0 and at most ${LONGEST_TTL_MS} (100 years)`, ttlMs);
  }
  if (tags === undefined) return;
  if (!Array.isArray(tags) || tags.length > MOST_TAGS) {
    throw mismatch('tags', `a list of at most ${MOST_TAGS} labels`, tags);
  }
  for (const tag of tags as readonly unknown[]) checkTag(tag);
}

/** @throws {@link InvalidArgumentError} when it cannot be a tag. */
export function checkTag(tag: unknown): asserts tag is string {
  if (typeof tag === 'string' && tag.startsWith(TENANT_PREFIX)) {
    throw mismatch('tags', `labels that do not begin with "${TENANT_PREFIX}", which marks tenants`, tag);
  }
  if (typeof tag === 'string' && tag.length > 0 && tag.length <= LONGEST_TAG_CHARS) return;
  throw mismatch('tags', `labels of 1 to ${LONGEST_TAG_CHARS} characters`, tag);
}

/** How an answer is stored. */
export interface CacheStorage {
  /** How long it stays fresh, in milliseconds. @default the cache's `ttlMs` */
  ttlMs?: number | undefined;
  /** Labels to delete it by: at most 64, each of 1 to 256 characters. @default none */
  tags?: readonly string[] | undefined;
}

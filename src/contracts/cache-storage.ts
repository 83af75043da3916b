/** How an answer is stored and replayed. */
export interface CacheStorage {
  /** How long it stays fresh, in milliseconds. @default the cache's `ttlMs` */
  ttlMs?: number | undefined;
  /** Labels to delete it by: at most 64, each of 1 to 256 characters. @default none */
  tags?: readonly string[] | undefined;
  /**
   * How a stored stream is replayed to a call that streams: `instant` as fast as it is read, `paced` with 20
   * milliseconds between two events.
   *
   * @default 'instant'
   */
  replay?: 'instant' | 'paced' | undefined;
}

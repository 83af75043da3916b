/** What a pool holds and what has happened in it. */
export interface PoolStats {
  /** Open resources, those being opened and closed included; never above `maxSize`. */
  size: number;
  /** Limit of `size`. */
  maxSize: number;
  /** Resources on loan. */
  inUse: number;
  /** Resources that wait to be used. */
  idle: number;
  /** Callers that wait for a resource. */
  waiting: number;
  /** Resources opened so far. */
  created: number;
  /** Resources closed so far. */
  destroyed: number;
  /** Resources given out so far. */
  acquired: number;
  /** Of those, the ones that had been used before. */
  reused: number;
  /** `reused / acquired`, 0 to 1; 0 when none was given out. */
  reuseRatio: number;
  /** Callers for which none became free in time. */
  waitTimeouts: number;
  /** Times that opening one failed or took too long. */
  createFailures: number;
  /** Kept resources that no longer worked. */
  invalid: number;
}

export { PoolError, type PoolProblem } from '../errors/pool-error.js';
export {
  Pool,
  type PoolAcquireOptions,
  type PoolCloseOptions,
  type PooledResource,
} from './pool/pool.js';
export type { PoolOptions } from './pool/pool-options.js';
export type { PoolStats } from './pool/pool-stats.js';
export {
  type FallbackFunction,
  type FallbackStats,
  type WithFallbackOptions,
  withFallback,
} from './retry/with-fallback.js';

import { ResponseCache } from './response-cache.js';

let shared: ResponseCache | undefined;

/** The shared default cache: in memory, created on first use. */
export function getDefaultCache(): ResponseCache {
  shared ??= new ResponseCache();
  return shared;
}

/** Replaces the default cache; with `undefined` the next use creates a new one. The former one is not closed. */
export function setDefaultCache(cache: ResponseCache | undefined): void {
  shared = cache;
}

import { ResponseCache } from './response-cache.js';

let shared: ResponseCache | undefined;

/** The one cache that is shared by all who have none of their own: in memory, made on first use. */
export function getDefaultCache(): ResponseCache {
  shared ??= new ResponseCache();
  return shared;
}

/** Puts another cache in its place, or with `undefined` lets the next use make a new one. The former is not closed. */
export function setDefaultCache(cache: ResponseCache | undefined): void {
  shared = cache;
}

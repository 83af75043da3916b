const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** How fast the truth changes: `hot` for status and counters, `warm` for lists and settings, `cold` for the rest. */
export type TtlPreset = 'hot' | 'hotLong' | 'warm' | 'warmLong' | 'cold' | 'coldLong' | 'day';

/** Times to live to choose from, in milliseconds: 1 and 2 minutes, 15 and 30 minutes, 1, 2 and 24 hours. */
export const CACHE_TTL_MS: Readonly<Record<TtlPreset, number>> = Object.freeze({
  hot: MINUTE_MS,
  hotLong: 2 * MINUTE_MS,
  warm: 15 * MINUTE_MS,
  warmLong: 30 * MINUTE_MS,
  cold: HOUR_MS,
  coldLong: 2 * HOUR_MS,
  day: 24 * HOUR_MS,
});

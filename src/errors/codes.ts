/**
 * Every code a {@link TuttiError} can carry. The list is closed: a code that is not here does not exist.
 * `docs/reference/errors.md` says for each what it means and what to do.
 */
export const ERROR_CODES = [
  'TUTTI_INVALID_ARGUMENT',
  'TUTTI_UNKNOWN_AGENT',
  'TUTTI_DUPLICATE_AGENT',
  'TUTTI_CLOSED',
  'TUTTI_CANCELLED',
  'TUTTI_TIMEOUT',
  'TUTTI_RETRIES_EXHAUSTED',
  'TUTTI_QUEUE_FULL',
  'TUTTI_AGENT_FAILED',
  'TUTTI_OUTPUT_INVALID',
  'TUTTI_STREAM_CONSUMED',
  'TUTTI_STREAM_LAGGED',
  'TUTTI_TASK_SOURCE_FAILED',
  'TUTTI_DATABASE',
  'TUTTI_CACHE_STORE',
] as const;

/** One of the codes in {@link ERROR_CODES}. */
export type ErrorCode = (typeof ERROR_CODES)[number];

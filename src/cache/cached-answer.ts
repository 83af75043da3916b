import type { CacheSource } from '../contracts/result.js';
import type { StreamEvent } from '../contracts/stream-event.js';
import type { ToolStep } from '../contracts/tool.js';
import { completeUsage, type FinishReason, type Usage } from '../contracts/usage.js';
import { InvalidArgumentError } from '../errors/input-errors.js';
import { canonicalJson } from '../hashing/canonical-json.js';

/** An answer to store. */
export interface CacheAnswer {
  /** The answer's text. */
  output: string;
  /** The answer as a JSON value. */
  data?: unknown;
  /** Tokens it took. */
  usage?: Partial<Usage> | undefined;
  /** What it cost, in US dollars; `undefined` where unknown. */
  costUsd?: number | undefined;
  /** The model that answered. */
  model?: string | undefined;
  /** Why the agent stopped; only complete answers (`stop`, `other`, or left out) are stored. */
  finishReason?: FinishReason | undefined;
  /** The round trips and tools that led to it, where the agent has tools. */
  steps?: readonly ToolStep[] | undefined;
  /** The stream's events, so that the answer can be replayed as a stream. */
  events?: readonly StreamEvent[] | undefined;
  /** Digest of the source text of the function that computed it; no part of the key. */
  source?: string | undefined;
}

/** An answer as the cache keeps it: complete, deeply frozen, shared by all callers. */
export interface StoredAnswer {
  /** The answer's text. */
  readonly output: string;
  /** The answer as a value, where there is one. */
  readonly data?: unknown;
  /** Tokens it took; `undefined` where unknown. */
  readonly usage: Readonly<Usage>;
  /** What it cost, in US dollars; `undefined` where unknown. */
  readonly costUsd: number | undefined;
  /** The model that answered, where known. */
  readonly model?: string;
  /** Why the agent stopped, where known. */
  readonly finishReason?: FinishReason;
  /** The round trips and tools that led to it, where the agent has tools. */
  readonly steps?: readonly ToolStep[];
  /** The stream's events, where it was a stream. */
  readonly events?: readonly StreamEvent[];
  /** Digest of the source text of the function that computed it, where an agent's function did. */
  readonly source?: string;
}

/** An answer found in the cache. Its `data`, `usage` and `events` are frozen; the hit object itself is the caller's. */
export interface CacheHit extends StoredAnswer {
  /** Where it was found. */
  tier: 'memory' | 'disk' | 'redis' | 'semantic';
  /** How long ago it was computed, in milliseconds. */
  ageMs: number;
  /** How often it has been served, this time included. */
  hits: number;
  /** When it was computed, milliseconds since the Unix epoch. */
  createdAt: number;
  /** When it stops being fresh, milliseconds since the Unix epoch. */
  expiresAt: number;
  /** Whether it has expired and is served only because of `staleWhileRevalidateMs`. */
  stale: boolean;
}

/** An answer found in the cache whose value matches the reader's schema. */
export type CacheHitAs<Data> = Omit<CacheHit, 'data'> & {
  /** The value, as the schema returns it; the caller's own. */
  data: Data;
};

/** The result of `getOrCompute`: the answer and where it came from. */
export interface CacheValue extends StoredAnswer {
  /** `false` when this call computed it, `shared` when it joined a call that did, else the tier. */
  cached: CacheSource;
  /** How long ago it was computed, in milliseconds; 0 when it was computed now. */
  ageMs: number;
  /** Whether it has expired and is being recomputed in the background. */
  stale: boolean;
}

/** An answer made ready for storing. */
export interface PreparedAnswer {
  /** What memory keeps. */
  readonly answer: StoredAnswer;
  /** What lower tiers keep: one JSON text. */
  readonly payload: string;
}

/**
 * Copies an answer into the form that is kept, and writes it as JSON once.
 *
 * @throws {@link InvalidArgumentError} when `data` or `events` are not JSON: a later hit would
 * otherwise differ from the answer it stands for.
 */
export function prepareAnswer(given: CacheAnswer): PreparedAnswer {
  const fields: Record<string, unknown> = {
    output: given.output,
    usage: frozenUsage(given.usage),
    costUsd: given.costUsd,
    model: given.model,
    finishReason: given.finishReason,
    source: given.source,
  };
  if (given.data !== undefined) fields.data = copyOf(given.data, 'answer.data');
  if (given.steps !== undefined) fields.steps = copyOf(given.steps, 'answer.steps');
  if (given.events !== undefined) fields.events = copyOf(given.events, 'answer.events');
  return { answer: frozenAnswer(fields), payload: JSON.stringify(fields) };
}

/** Parses a verified payload; `undefined` if it is not an answer. */
export function parsePayload(payload: string): StoredAnswer | undefined {
  let fields: Record<string, unknown>;
  try {
    fields = JSON.parse(payload) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  if (typeof fields !== 'object' || fields === null || typeof fields.output !== 'string') return undefined;
  fields.usage = frozenUsage(fields.usage as Partial<Usage> | undefined);
  return frozenAnswer(fields);
}

/** Usage with every count, frozen. */
export function frozenUsage(usage: Partial<Usage> | undefined): Readonly<Usage> {
  return Object.freeze(completeUsage(usage));
}

function frozenAnswer(fields: Record<string, unknown>): StoredAnswer {
  const answer: Record<string, unknown> = {
    output: fields.output,
    usage: fields.usage,
    costUsd: fields.costUsd,
  };
  if (fields.data !== undefined) answer.data = deepFreeze(fields.data);
  if (fields.model !== undefined) answer.model = fields.model;
  if (fields.finishReason !== undefined) answer.finishReason = fields.finishReason;
  if (fields.steps !== undefined) answer.steps = deepFreeze(fields.steps);
  if (fields.events !== undefined) answer.events = deepFreeze(fields.events);
  if (fields.source !== undefined) answer.source = fields.source;
  return Object.freeze(answer) as unknown as StoredAnswer;
}

// Memory serves what disk would serve: both went through JSON. The check comes first because JSON itself would
// silently turn a Map into {} and a Date into a string.
function copyOf(value: unknown, field: string): unknown {
  canonicalJson(value, field);
  return JSON.parse(JSON.stringify(value));
}

function deepFreeze(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  for (const part of Object.values(value)) deepFreeze(part);
  return Object.freeze(value);
}

/** @throws {@link InvalidArgumentError} when it does not have the shape of an answer. */
export function checkAnswer(answer: CacheAnswer): void {
  if (typeof answer !== 'object' || answer === null || typeof answer.output !== 'string') {
    throw new InvalidArgumentError(
      'answer.output',
      `answer.output: expected { output: string, … }, got ${answer === null ? 'null' : typeof answer}.`,
    );
  }
  const { costUsd } = answer;
  if (costUsd !== undefined && !(Number.isFinite(costUsd) && costUsd >= 0)) {
    throw new InvalidArgumentError(
      'answer.costUsd',
      `answer.costUsd: expected US dollars from 0 up, or nothing where unknown, got ${String(costUsd)}.`,
    );
  }
}

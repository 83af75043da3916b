/** Tokens that a call used. A count that neither the agent nor its server reported is `undefined`, which is not 0. */
export interface Usage {
  /** Tokens sent to the model, without those read from or written to its prompt cache. */
  inputTokens: number | undefined;
  /** Tokens the model produced. */
  outputTokens: number | undefined;
  /** Tokens read from the provider's prompt cache. */
  cacheReadTokens?: number;
  /** Tokens written to the provider's prompt cache. */
  cacheWriteTokens?: number;
  /** Those of them that are kept for an hour, which costs more; not counted a second time in `totalTokens`. */
  cacheWrite1hTokens?: number;
  /** All of them together; `undefined` if one of the two is unknown and no total was reported. */
  totalTokens: number | undefined;
}

/** Why a model stopped. `stop` is a complete answer. */
export type FinishReason =
  | 'stop'
  | 'length'
  | 'tool-calls'
  | 'content-filter'
  | 'refusal'
  | 'error'
  | 'other';

const PARTS = [
  'inputTokens',
  'outputTokens',
  'cacheReadTokens',
  'cacheWriteTokens',
  'cacheWrite1hTokens',
] as const;
const COUNTS = [...PARTS, 'totalTokens'] as const;

// One object for all results: most functions report no usage, and a hundred thousand results keep it.
const UNKNOWN_USAGE: Usage = Object.freeze({
  inputTokens: undefined,
  outputTokens: undefined,
  totalTokens: undefined,
});

/** Usage with every count that was reported, and their total. */
export function completeUsage(usage: Partial<Usage> | undefined): Usage {
  if (usage === undefined) return UNKNOWN_USAGE;
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, cacheWrite1hTokens } = usage;
  const complete: Usage = { inputTokens, outputTokens, totalTokens: totalTokensOf(usage) };
  if (cacheReadTokens !== undefined) complete.cacheReadTokens = cacheReadTokens;
  if (cacheWriteTokens !== undefined) complete.cacheWriteTokens = cacheWriteTokens;
  if (cacheWrite1hTokens !== undefined) complete.cacheWrite1hTokens = cacheWrite1hTokens;
  return complete;
}

/** All tokens together: the reported total, else the sum of the parts; `undefined` if input or output is unknown. */
export function totalTokensOf(usage: Partial<Usage>): number | undefined {
  const { inputTokens, outputTokens, cacheReadTokens = 0, cacheWriteTokens = 0, totalTokens } = usage;
  if (totalTokens !== undefined) return totalTokens;
  if (inputTokens === undefined || outputTokens === undefined) return undefined;
  return inputTokens + outputTokens + cacheReadTokens + cacheWriteTokens;
}

/** Whether the tokens sent and received are both known: else their price would be that of a part. */
export function isWholeUsage({ inputTokens, outputTokens }: Partial<Usage>): boolean {
  return inputTokens !== undefined && outputTokens !== undefined;
}

/** Usage made of a provider's counts; cache counts of 0 are left out, and so is what it did not report. */
export function usageFromCounts(
  inputTokens: number | undefined,
  outputTokens: number | undefined,
  cacheReadTokens: number,
  cacheWriteTokens: number,
  cacheWrite1hTokens = 0,
): Partial<Usage> {
  const usage: Partial<Usage> = {};
  if (inputTokens !== undefined) usage.inputTokens = inputTokens;
  if (outputTokens !== undefined) usage.outputTokens = outputTokens;
  if (cacheReadTokens > 0) usage.cacheReadTokens = cacheReadTokens;
  if (cacheWriteTokens > 0) usage.cacheWriteTokens = cacheWriteTokens;
  if (cacheWrite1hTokens > 0) usage.cacheWrite1hTokens = cacheWrite1hTokens;
  const totalTokens = totalTokensOf(usage);
  if (totalTokens !== undefined) usage.totalTokens = totalTokens;
  return usage;
}

/** Adds two usages; a count that neither has stays absent. */
export function addUsage(left: Partial<Usage>, right: Partial<Usage>): Partial<Usage> {
  const sum: Partial<Usage> = {};
  for (const part of PARTS) {
    const value = right[part] === undefined ? left[part] : (left[part] ?? 0) + right[part];
    if (value !== undefined) sum[part] = value;
  }
  const total = addTotals(left, right);
  if (total !== undefined) sum.totalTokens = total;
  return sum;
}

/** What was used beyond an earlier count of the same work; a count that is not known stays absent. */
export function subtractUsage(usage: Partial<Usage>, before: Partial<Usage>): Partial<Usage> {
  const rest: Partial<Usage> = {};
  for (const name of COUNTS) {
    const count = usage[name];
    if (count !== undefined) rest[name] = Math.max(0, count - (before[name] ?? 0));
  }
  return rest;
}

/** If one part of a total is unknown, so is the total. */
function addTotals(left: Partial<Usage>, right: Partial<Usage>): number | undefined {
  if (Object.keys(left).length === 0) return right.totalTokens;
  if (Object.keys(right).length === 0) return left.totalTokens;
  if (left.totalTokens === undefined || right.totalTokens === undefined) return undefined;
  return left.totalTokens + right.totalTokens;
}

/** The usage if it is valid, else `undefined`. */
export function validUsage(usage: Partial<Usage> | undefined): Partial<Usage> | undefined {
  return isUsage(usage) ? usage : undefined;
}

/** Whether each count of a reported usage is a number from 0 up; nothing reported is valid too. */
export function isUsage(usage: unknown): boolean {
  if (usage === undefined) return true;
  if (typeof usage !== 'object' || usage === null) return false;
  const counts = usage as Readonly<Record<string, unknown>>;
  for (const name of COUNTS) {
    const count = counts[name];
    if (count !== undefined && !isAmount(count)) return false;
  }
  return true;
}

/** Whether a value can be an amount of tokens or dollars: a finite number from 0 up. */
export function isAmount(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && value < Number.POSITIVE_INFINITY;
}

import { createHash } from 'node:crypto';

type Json = Readonly<Record<string, unknown>>;

/** What the prompt cache of a model server keeps. */
export interface PromptCacheOptions {
  /** The shortest prompt that is cached, in tokens. @default 1_024 */
  readonly minimumTokens?: number | undefined;
}

/** Input tokens of all answered requests, by how they are billed. */
export interface BilledInput {
  /** Neither read from nor written to the prompt cache: billed once. */
  readonly inputTokens: number;
  /** Read from the prompt cache: billed a tenth. */
  readonly cacheReadTokens: number;
  /** Written to the prompt cache: billed 1.25 times; those that are kept for an hour, twice. */
  readonly cacheWriteTokens: number;
  /** Those written tokens that are kept for an hour. */
  readonly cacheWrite1hTokens: number;
  /** Requests that wrote to the prompt cache. */
  readonly cacheWrites: number;
  /** All of them together, as the number of ordinary input tokens that would cost as much. */
  readonly billedTokens: number;
}

/** The tokens of one request. */
export type InputCharge = Omit<BilledInput, 'cacheWrites' | 'billedTokens'>;

/** A request as the prompt cache sees it. */
export interface CachedRequest {
  readonly charge: InputCharge;
  /** The answer begins: what the request writes can be read from now on. */
  begin(): void;
}

const CHARACTERS_PER_TOKEN = 4;
const MOST_MARKS = 4;
/** How many blocks before a mark the cache looks for what it has. */
const LOOKBACK_BLOCKS = 20;
const LIFETIME_MS = { '5m': 300_000, '1h': 3_600_000 } as const;

interface Prefix {
  readonly digest: string;
  /** All tokens up to the end of this block. */
  readonly tokens: number;
  readonly lifetime: '5m' | '1h' | undefined;
}

/**
 * The prompt cache of the Messages API: what a request has up to one of its marks is written, and read where an earlier
 * request has written the same blocks. A token is four characters of JSON.
 */
export class ServerPromptCache {
  readonly #minimumTokens: number;
  /** Until when each prefix is kept, by its digest. */
  readonly #keptUntilMs = new Map<string, number>();
  readonly #total = { inputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0, cacheWrite1hTokens: 0 };
  #cacheWrites = 0;

  constructor({ minimumTokens = 1_024 }: PromptCacheOptions) {
    this.#minimumTokens = minimumTokens;
  }

  get billed(): BilledInput {
    const { inputTokens, cacheReadTokens, cacheWriteTokens, cacheWrite1hTokens } = this.#total;
    const written = 1.25 * (cacheWriteTokens - cacheWrite1hTokens) + 2 * cacheWrite1hTokens;
    const billedTokens = inputTokens + 0.1 * cacheReadTokens + written;
    return { ...this.#total, cacheWrites: this.#cacheWrites, billedTokens };
  }

  /** Looks up a request. @throws what the service would reject it with. */
  admit(body: Json): CachedRequest {
    const prefixes = prefixesOf(body);
    const marks = prefixes.flatMap(({ lifetime }, index) => (lifetime === undefined ? [] : [index]));
    checkMarks(prefixes, marks);
    const readTokens = this.#read(prefixes, marks);
    const written = marks
      .map((index) => prefixes[index] as Prefix)
      .filter(({ tokens }) => tokens > readTokens && tokens >= this.#minimumTokens);
    const charge = chargeOf(prefixes.at(-1)?.tokens ?? 0, readTokens, written);
    return { charge, begin: () => this.#begin(charge, written) };
  }

  /** The tokens of the longest prefix that is kept. */
  #read(prefixes: readonly Prefix[], marks: readonly number[]): number {
    const nowMs = performance.now();
    for (const mark of marks.toReversed()) {
      for (let index = mark; index >= 0 && index > mark - LOOKBACK_BLOCKS; index -= 1) {
        const { digest, tokens } = prefixes[index] as Prefix;
        const keptUntilMs = this.#keptUntilMs.get(digest);
        if (keptUntilMs === undefined || keptUntilMs <= nowMs) continue;
        this.#keptUntilMs.set(digest, Math.max(keptUntilMs, nowMs + LIFETIME_MS['5m']));
        return tokens;
      }
    }
    return 0;
  }

  #begin(charge: InputCharge, written: readonly Prefix[]): void {
    const nowMs = performance.now();
    for (const { digest, lifetime = '5m' } of written)
      this.#keptUntilMs.set(digest, nowMs + LIFETIME_MS[lifetime]);
    for (const count of Object.keys(this.#total) as Array<keyof InputCharge>)
      this.#total[count] += charge[count];
    if (written.length > 0) this.#cacheWrites += 1;
  }
}

/** The tokens of a request with so many in all, of which some are read and those up to the last prefix written. */
function chargeOf(tokens: number, cacheReadTokens: number, written: readonly Prefix[]): InputCharge {
  let upTo = cacheReadTokens;
  let cacheWrite1hTokens = 0;
  for (const prefix of written) {
    if (prefix.lifetime === '1h') cacheWrite1hTokens += prefix.tokens - upTo;
    upTo = prefix.tokens;
  }
  const cacheWriteTokens = upTo - cacheReadTokens;
  return { inputTokens: tokens - upTo, cacheReadTokens, cacheWriteTokens, cacheWrite1hTokens };
}

/** Every block of a request, in the order in which it is cached, as the end of a prefix. */
function prefixesOf(body: Json): Prefix[] {
  const hash = createHash('sha256').update(String(body.model));
  let characters = 0;
  return blocksOf(body).map(([place, block]) => {
    const { cache_control: mark, ...content } = block;
    const text = JSON.stringify([place, content]);
    hash.update(text);
    characters += text.length;
    return {
      digest: hash.copy().digest('hex'),
      tokens: Math.ceil(characters / CHARACTERS_PER_TOKEN),
      lifetime: lifetimeOf(mark),
    };
  });
}

function blocksOf({ tools, system, messages }: Json): Array<readonly [place: string, block: Json]> {
  const turns = Array.isArray(messages) ? (messages as Json[]) : [];
  return [
    ...contentOf(tools).map((tool) => ['tools', tool] as const),
    ...contentOf(system).map((block) => ['system', block] as const),
    ...turns.flatMap(({ role, content }) =>
      contentOf(content).map((block) => [String(role), block] as const),
    ),
  ];
}

function contentOf(content: unknown): readonly Json[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  return Array.isArray(content) ? content : [];
}

function lifetimeOf(mark: unknown): '5m' | '1h' | undefined {
  if (typeof mark !== 'object' || mark === null) return undefined;
  return (mark as Json).ttl === '1h' ? '1h' : '5m';
}

function checkMarks(prefixes: readonly Prefix[], marks: readonly number[]): void {
  if (marks.length > MOST_MARKS) {
    throw new Error(
      `a maximum of ${MOST_MARKS} blocks with cache_control may be provided; found ${marks.length}`,
    );
  }
  const lifetimes = marks.map((index) => prefixes[index]?.lifetime);
  if (lifetimes.lastIndexOf('1h') > lifetimes.indexOf('5m') && lifetimes.includes('5m'))
    throw new Error("a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block");
}

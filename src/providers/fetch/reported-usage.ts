import type { Usage } from '../../contracts/usage.js';
import { fieldOf } from '../../errors/foreign.js';
import { type MessageUsage, messageUsage } from '../anthropic/messages-answer.js';
import { type CachedCounts, type PromptDetails, usageFrom } from '../openai/openai-usage.js';

/** A line longer than this is not looked at, in characters. */
const MAX_LINE_CHARS = 1_000_000;

/** Usage as the APIs of OpenAI and Anthropic report it. */
interface ModelUsage extends MessageUsage, CachedCounts {
  readonly prompt_tokens?: number | null;
  readonly completion_tokens?: number | null;
  readonly prompt_tokens_details?: PromptDetails | null;
  readonly input_tokens_details?: PromptDetails | null;
}

/** The tokens that a model's answer says it has used; `undefined` if it says nothing. */
export function usageOfAnswer(answer: unknown): Partial<Usage> | undefined {
  const usage = reportedIn(answer);
  return usage && toUsage(usage);
}

/** Reads along in a stream of events for the usage that it reports, without holding anything back. */
export class StreamUsage {
  readonly #decoder = new TextDecoder();
  #line = '';
  #found: ModelUsage | undefined = undefined;

  /** The tokens reported so far; `undefined` if none were. */
  get usage(): Partial<Usage> | undefined {
    return this.#found && toUsage(this.#found);
  }

  read(chunk: Uint8Array): void {
    const lines = (this.#line + this.#decoder.decode(chunk, { stream: true })).split('\n');
    const rest = lines.pop() as string;
    this.#line = rest.length > MAX_LINE_CHARS ? '' : rest;
    for (const line of lines) if (line.startsWith('data:') && line.includes('usage')) this.#readEvent(line);
  }

  #readEvent(line: string): void {
    try {
      const usage = reportedIn(JSON.parse(line.slice('data:'.length)));
      // A later event adds what an earlier one could not know, and repeats or leaves out the rest.
      if (usage !== undefined) this.#found = { ...this.#found, ...withoutNulls(usage) };
    } catch {
      // Whatever it is, it is passed on as it is.
    }
  }
}

/** An answer's own usage, or that of the message or response that an event is about. */
function reportedIn(value: unknown): ModelUsage | undefined {
  for (const holder of [value, fieldOf(value, 'message'), fieldOf(value, 'response')]) {
    const usage = fieldOf(holder, 'usage');
    if (typeof usage === 'object' && usage !== null) return usage;
  }
  return undefined;
}

function toUsage(usage: ModelUsage): Partial<Usage> | undefined {
  const { prompt_tokens: prompt, completion_tokens: completion, input_tokens: input } = usage;
  if (typeof prompt === 'number' || typeof completion === 'number') {
    return usageFrom(prompt, completion, usage.prompt_tokens_details, usage);
  }
  if (usage.input_tokens_details !== undefined) {
    return usageFrom(input, usage.output_tokens, usage.input_tokens_details);
  }
  const counts = messageUsage(usage);
  return Object.keys(counts).length === 0 ? undefined : counts;
}

function withoutNulls(usage: ModelUsage): ModelUsage {
  return Object.fromEntries(
    Object.entries(usage).filter(([, value]) => value !== null && value !== undefined),
  );
}

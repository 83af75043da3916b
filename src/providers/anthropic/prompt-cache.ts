import { PromptSize } from '../model/prompt-size.js';
import { minimumCachedTokens } from './cache-minimums.js';

/** How long the provider keeps what it caches of a prompt; `false` for no caching. */
export type PromptCache = false | '5m' | '1h';

type Json = Readonly<Record<string, unknown>>;

/** A body of the Messages API, as far as it is marked. */
interface MarkedBody extends Record<string, unknown> {
  tools?: unknown;
  system?: unknown;
  messages?: unknown;
}

/**
 * Marks what of a prompt the provider shall cache: the tools, the system prompt, and the last turns. What is marked has
 * to have the model's minimum length. Bodies that have marks of their own stay as they are.
 *
 * `fileTokens` is what the images and documents of the conversation take.
 *
 * The last turn is marked where a later request can be expected to begin with it: in a conversation, in a tool loop after
 * its first step, and where it is long in an agent that has tools. The turn of the user before it is marked too, because
 * the provider looks back only 20 blocks for what it has cached.
 */
export function markForCache(
  body: MarkedBody,
  model: string,
  promptCache: PromptCache,
  fileTokens: number,
): void {
  if (promptCache === false || hasMarks(body)) return;
  const minimum = minimumCachedTokens(model);
  const mark = promptCache === '1h' ? { type: 'ephemeral', ttl: '1h' } : { type: 'ephemeral' };
  const size = new PromptSize(minimum);
  const { tools, system, messages } = body;
  if (Array.isArray(tools) && size.add(tools)) body.tools = markLast(tools, mark);
  if (typeof system === 'string' && size.add(system)) {
    body.system = [{ type: 'text', text: system, cache_control: mark }];
  }
  if (!Array.isArray(messages)) return;
  const turns = new PromptSize(minimum);
  for (const part of [size, turns]) part.addTokens(fileTokens);
  const isContinued = messages.length > 1 || (Array.isArray(tools) && turns.add(messages));
  if (isContinued && size.add(messages)) body.messages = markTurns(messages as Turn[], mark);
}

/** Whether the parameters of the call say themselves what to cache. */
function hasMarks({ cache_control: whole, tools }: MarkedBody): boolean {
  if (whole !== undefined && whole !== null) return true;
  return Array.isArray(tools) && tools.some((tool: Json) => Boolean(tool?.cache_control));
}

interface Turn {
  readonly role: unknown;
  readonly content: unknown;
}

/** Marks the last two turns of the user. */
function markTurns(messages: readonly Turn[], mark: Json): Turn[] {
  const marked = [...messages];
  let left = 2;
  for (let index = marked.length - 1; index >= 0 && left > 0; index -= 1) {
    const turn = marked[index] as Turn;
    if (turn.role !== 'user') continue;
    marked[index] = { ...turn, content: markLast(blocksOf(turn), mark) };
    left -= 1;
  }
  return marked;
}

function blocksOf({ content }: Turn): readonly unknown[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : (content as unknown[]);
}

function markLast(items: readonly unknown[], mark: Json): unknown[] {
  const last = items.at(-1) as object;
  return [...items.slice(0, -1), { ...last, cache_control: mark }];
}

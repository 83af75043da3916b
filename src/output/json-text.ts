import { findJsonSpans } from './json-scanner.js';
import { splitReasoning } from './reasoning-text.js';

/** A line that opens or closes a fenced block, with the text after the fence. */
const FENCE = /^[ \t]{0,3}(```+|~~~+)[ \t]*([^\s`]*)/;

interface FencedBlock {
  readonly language: string;
  readonly content: string;
}

/**
 * The JSON values in a model's answer, the most likely one first: the whole text; fenced blocks, those marked `json`
 * before others; then objects and arrays within the text, from left to right. What the model weighed in its reasoning is
 * not its answer. Lazy, and linear in the text's length.
 */
export function* findJsonValues(answer: string): Generator<unknown, void, undefined> {
  const { text } = splitReasoning(answer);
  const whole = tryParse(text);
  if (whole !== undefined) {
    yield whole.value;
    return;
  }
  const blocks = fencedBlocks(text);
  for (const block of blocks.filter(isMarkedJson)) yield* parsed(block.content);
  for (const block of blocks.filter((block) => !isMarkedJson(block))) yield* parsed(block.content);
  for (const { start, end } of findJsonSpans(text)) yield* parsed(text.slice(start, end));
}

function isMarkedJson(block: FencedBlock): boolean {
  return /^json/i.test(block.language);
}

function* parsed(text: string): Generator<unknown, void, undefined> {
  const result = tryParse(text);
  if (result !== undefined) yield result.value;
}

function tryParse(text: string): { value: unknown } | undefined {
  // JSON.parse does not accept a byte order mark as white space; trim() removes it.
  const trimmed = text.trim();
  if (trimmed === '') return undefined;
  try {
    return { value: JSON.parse(trimmed) as unknown };
  } catch {
    return undefined;
  }
}

/** Blocks between fence lines. JSON strings have no raw line breaks, so a fence cannot be inside a value. */
function fencedBlocks(text: string): FencedBlock[] {
  const blocks: FencedBlock[] = [];
  if (!text.includes('```') && !text.includes('~~~')) return blocks;
  let open: { fence: string; language: string; lines: string[] } | undefined;
  for (const line of text.split('\n')) {
    const [, fence, language = ''] = FENCE.exec(line) ?? [];
    if (open === undefined) {
      if (fence !== undefined) open = { fence, language, lines: [] };
    } else if (fence !== undefined && language === '' && fence.startsWith(open.fence)) {
      blocks.push({ language: open.language, content: open.lines.join('\n') });
      open = undefined;
    } else {
      open.lines.push(line);
    }
  }
  return blocks;
}

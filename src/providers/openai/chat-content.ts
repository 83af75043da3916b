/** The content of a message: text, or a list of parts, among them parts of reasoning. */
export interface ChatContent {
  readonly text: string;
  readonly reasoning: string;
}

const NOTHING: ChatContent = { text: '', reasoning: '' };

/** Reads content as servers write it: a string, `null`, one part, or a list of parts. */
export function readContent(content: unknown): ChatContent {
  if (typeof content === 'string') return { text: content, reasoning: '' };
  if (Array.isArray(content)) {
    const parts = content.map(readContent);
    return { text: joined(parts, 'text'), reasoning: joined(parts, 'reasoning') };
  }
  return typeof content === 'object' && content !== null ? readPart(content) : NOTHING;
}

/** The names under which servers send reasoning beside the content. */
const REASONING_FIELDS = ['reasoning_content', 'reasoning', 'reasoning_text', 'thinking'] as const;

/** Reasoning that stands beside the content, under whichever name. */
export function readReasoning(message: object): string {
  for (const field of REASONING_FIELDS) {
    const reasoning = textIn((message as Record<string, unknown>)[field]);
    if (reasoning !== '') return reasoning;
  }
  return '';
}

/** Parts of other types (images, references, audio) are no text. */
function readPart(part: object): ChatContent {
  const { type, text, thinking, reasoning } = part as Record<string, unknown>;
  if (type === 'thinking' || type === 'reasoning') {
    return { text: '', reasoning: textIn(thinking) || textIn(reasoning) || textIn(text) };
  }
  const isText = type === undefined || type === 'text' || type === 'output_text';
  return isText ? { text: textIn(text), reasoning: '' } : NOTHING;
}

/** Text that may stand in parts of its own. */
function textIn(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(textIn).join('');
  if (typeof value !== 'object' || value === null) return '';
  const { text, value: inner } = value as Record<string, unknown>;
  return textIn(text ?? inner);
}

function joined(parts: readonly ChatContent[], field: keyof ChatContent): string {
  return parts.map((part) => part[field]).join('');
}

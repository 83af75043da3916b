/** Fields that end a description, however it is written. Others may be words of its text. */
const FIELDS: ReadonlySet<string> = new Set([
  'name',
  'title',
  'description',
  'model',
  'tools',
  'disallowedTools',
  'color',
  'emoji',
  'mode',
  'category',
  'temperature',
  'params',
  'skills',
  'hooks',
  'mcpServers',
  'permissionMode',
  'maxTurns',
  'memory',
  'effort',
  'version',
  'author',
  'tags',
]);

/** Words that begin a line of an example in a description, not a field. */
const SPEAKER = /^(user|assistant|human|context|examples?|commentary)$/i;

/** Fields whose value is text, whatever it begins with. */
const TEXT_FIELDS: ReadonlySet<string> = new Set(['name', 'title', 'description', 'model', 'tools']);

const ENTRY = /^([A-Za-z][\w-]*)[ \t]*:(?:[ \t]+(.*))?$/;
/** A value that YAML takes for plain text, unless something in it confuses the parser. */
const PLAIN = /^[^\s"'[\]{}|>&*!%@`#,?-]/;

interface Entry {
  readonly key: string;
  /** What follows the key on its line. */
  readonly value: string;
  readonly lines: string[];
}

/**
 * Quotes text that people write into front matter and YAML does not allow: colons, several lines without indentation,
 * Markdown, a leading `*`, `%`, `@` or `[`. Entries that are valid stay as they are, and so do the numbers of lines.
 *
 * @param isValid Whether a text is valid on its own.
 */
export function repairFrontMatter(yaml: string, isValid: (yaml: string) => boolean): string {
  const { head, entries } = splitEntries(yaml.split('\n'));
  return [...head, ...entries.flatMap((entry) => repairEntry(entry, isValid))].join('\n');
}

function splitEntries(lines: readonly string[]): { head: string[]; entries: Entry[] } {
  const head: string[] = [];
  const entries: Entry[] = [];
  for (const line of lines) {
    const current = entries.at(-1);
    const [, key, value = ''] = ENTRY.exec(line) ?? [];
    if (key !== undefined && !isProse(key, current))
      entries.push({ key, value: value.trim(), lines: [line] });
    else (current?.lines ?? head).push(line);
  }
  return { head, entries };
}

/** Whether a line that looks like a field belongs to the description before it. */
function isProse(key: string, current: Entry | undefined): boolean {
  if (current?.key !== 'description' || FIELDS.has(key)) return false;
  const goesOnUnindented = current.lines.some((line, index) => index > 0 && /^\S/.test(line));
  return goesOnUnindented || SPEAKER.test(key);
}

function repairEntry(entry: Entry, isValid: (yaml: string) => boolean): string[] {
  const { key, lines } = entry;
  if (isValid(lines.join('\n')) || !isText(entry)) return lines;
  return [`${key}: ${JSON.stringify(textOf(entry))}`, ...lines.slice(1).fill('')];
}

function isText({ key, value, lines }: Entry): boolean {
  if (key === 'description') return true;
  const isOneLine = value !== '' && lines.slice(1).every((line) => line.trim() === '');
  return isOneLine && (TEXT_FIELDS.has(key) || PLAIN.test(value));
}

function textOf({ value, lines }: Entry): string {
  const first = /^[|>][+-]?\d?$/.test(value) ? '' : value;
  const text = [first, ...lines.slice(1)].join('\n').trim();
  return text.replace(/^(["'])([\s\S]*)\1$/, '$2');
}

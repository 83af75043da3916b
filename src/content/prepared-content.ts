import type {
  AgentTaskInput,
  ContentFile,
  ContentPart,
  FileInput,
  LoadedMessage,
  LoadedPart,
  Message,
} from '../contracts/task-content.js';

/** What identifies a file. */
export type FileFacts = Pick<ContentFile, 'kind' | 'mediaType' | 'digest'>;

/** A file of a task that was accepted; its bytes are there once it has been read. */
export class PreparedFile {
  readonly given: FileInput;
  /** Where it stands in the task, for messages. */
  readonly field: string;
  /** The file as it was read; `undefined` before. */
  loaded: ContentFile | undefined = undefined;
  /** What is known about it since it was read for the first time; its bytes may not have been kept. */
  facts: FileFacts | undefined = undefined;

  constructor(given: FileInput, field: string) {
    this.given = given;
    this.field = field;
  }
}

/** One part of a turn that was accepted. */
export type PreparedPart =
  | Exclude<LoadedPart, { type: 'file' }>
  | { readonly type: 'file'; readonly file: PreparedFile };

/** One turn that was accepted. */
export interface PreparedTurn {
  readonly role: Message['role'];
  readonly content: string | readonly PreparedPart[];
}

/**
 * A task with more than text, checked and copied once, when it is accepted: what its caller does to its arrays
 * afterwards changes nothing.
 */
export class PreparedContent {
  /** Every turn, the last one included. */
  readonly turns: readonly PreparedTurn[];
  /** Every file in them. */
  readonly files: readonly PreparedFile[];
  /** Characters of all texts in them. */
  readonly textChars: number;
  /** Largest file, in bytes. */
  readonly maxFileBytes: number;

  constructor(
    turns: readonly PreparedTurn[],
    files: readonly PreparedFile[],
    textChars: number,
    maxFileBytes: number,
  ) {
    this.turns = turns;
    this.files = files;
    this.textChars = textChars;
    this.maxFileBytes = maxFileBytes;
  }

  /** The text of the last turn; empty if it has none. */
  get text(): string {
    const { content } = this.#last;
    return typeof content === 'string' ? content : textOf(content);
  }

  /** Whether it is one turn of text, which is the same as that text. */
  get isText(): boolean {
    return this.turns.length === 1 && typeof this.#last.content === 'string';
  }

  /** Whether it has turns before the last one, or tool results. */
  get isConversation(): boolean {
    return this.turns.length > 1 || hasToolResults(this.#last);
  }

  /** Whether every file has been read. */
  get isRead(): boolean {
    return this.files.every(({ loaded }) => loaded !== undefined);
  }

  /** UTF-8 bytes of all texts, those of text files included. */
  get textBytes(): number {
    let bytes = 0;
    for (const part of this.turns.flatMap(partsOf)) {
      if (part.type === 'text') bytes += Buffer.byteLength(part.text);
      else if (part.type === 'tool-result') bytes += Buffer.byteLength(part.output);
      else if (part.type === 'tool-call') bytes += Buffer.byteLength(JSON.stringify(part.input));
      else if (part.file.loaded?.kind === 'text') bytes += part.file.loaded.bytes.length;
    }
    return bytes;
  }

  /** What an agent function sees. */
  get input(): AgentTaskInput {
    const messages = this.turns.map(toMessage);
    const last = this.#last;
    // Tool results are no text: they stay where they are.
    if (hasToolResults(last)) return { text: '', messages, files: [] };
    const files = partsOf(last).flatMap((part) => (part.type === 'file' ? [part.file.given] : []));
    return { text: this.text, messages: messages.slice(0, -1), files };
  }

  /** The last turn, as it was given. */
  get lastMessage(): Message {
    return toMessage(this.#last);
  }

  /** All turns with the bytes of their files, which have been read. */
  get loadedMessages(): LoadedMessage[] {
    return this.turns.map(({ role, content }) => ({
      role,
      content: typeof content === 'string' ? content : content.map(toLoaded),
    }));
  }

  /** What identifies it, as JSON: files by what they are and the digest of their bytes, which have been read once. */
  get identity(): unknown {
    return this.turns.map(({ role, content }) => ({
      role,
      content: typeof content === 'string' ? content : content.map(identityOf),
    }));
  }

  get #last(): PreparedTurn {
    return this.turns.at(-1) as PreparedTurn;
  }
}

function partsOf({ content }: PreparedTurn): readonly PreparedPart[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : content;
}

function textOf(parts: readonly PreparedPart[]): string {
  return parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n');
}

function hasToolResults({ content }: PreparedTurn): boolean {
  return typeof content !== 'string' && content.some((part) => part.type === 'tool-result');
}

function toMessage({ role, content }: PreparedTurn): Message {
  return { role, content: typeof content === 'string' ? content : content.map(toPart) };
}

function toPart(part: PreparedPart): ContentPart {
  if (part.type === 'file') return { type: 'file', file: part.file.given };
  if (part.type !== 'tool-result') return part;
  const { name: _name, ...given } = part;
  return given;
}

function toLoaded(part: PreparedPart): LoadedPart {
  return part.type === 'file' ? { type: 'file', file: loadedOf(part.file) } : part;
}

function identityOf(part: PreparedPart): unknown {
  if (part.type !== 'file') return part;
  const { kind, mediaType, digest } = part.file.facts ?? loadedOf(part.file);
  // A model does not learn what its text was called; of what it cannot know, the type says what it is.
  return { type: 'file', kind: kind === 'other' ? mediaType : kind, digest };
}

function loadedOf({ loaded, field }: PreparedFile): ContentFile {
  if (loaded === undefined) throw new Error(`${field} is used before it was read.`);
  return loaded;
}

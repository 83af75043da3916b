/** A file of a task: an image, a PDF or text. It is read when it is needed, and identified by its bytes. */
export type FileInput =
  | {
      /** Path of a file; a relative one starts at the current directory. */
      path: string;
    }
  | {
      /** The bytes. They must not change while the call runs. */
      data: Uint8Array;
      /** What they are, for instance `image/png`. */
      mediaType: string;
      /** The file's name, for providers that show one to the model. */
      name?: string | undefined;
    }
  | {
      /** Where to download it from: `http:`, `https:` or `data:`. */
      url: string;
      /** What it is. @default what the server says */
      mediaType?: string | undefined;
    };

/** Text in a message. */
export interface TextPart {
  /** Text. */
  type: 'text';
  /** The text; not empty. */
  text: string;
}

/** A file in a message of the user. */
export interface FilePart {
  /** A file. */
  type: 'file';
  /** The file. */
  file: FileInput;
}

/** A call of a tool in a message of the assistant. */
export interface ToolCallPart {
  /** The assistant called a tool. */
  type: 'tool-call';
  /** The id that its result refers to. */
  id: string;
  /** The tool's name. */
  name: string;
  /** The tool's input, as JSON. */
  input: unknown;
}

/** What a tool returned, in the user's message after the call. */
export interface ToolResultPart {
  /** What a tool returned. */
  type: 'tool-result';
  /** The id of the tool call. */
  id: string;
  /** The result. */
  output: string;
  /** Whether the tool failed. @default false */
  isError?: boolean | undefined;
}

/** One part of a message. Files and tool results belong to messages of the user, tool calls to those of the assistant. */
export type ContentPart = TextPart | FilePart | ToolCallPart | ToolResultPart;

/** One turn of a conversation. The system prompt is no turn: it is the agent's `instructions`. */
export interface Message {
  /** Whose turn it is. */
  role: 'user' | 'assistant';
  /** What was said: text, or parts. */
  content: string | readonly ContentPart[];
}

/** A task with more than text. At least one field is set. */
export interface TaskParts {
  /** The text of the last turn, which is the user's. */
  text?: string | undefined;
  /** What was said before. Without `text` and `files` it ends with the user's turn. */
  messages?: readonly Message[] | undefined;
  /** The files of the last turn. */
  files?: readonly FileInput[] | undefined;
}

/** What an agent is asked: a text, or a conversation, files and text. */
export type TaskContent = string | Readonly<TaskParts>;

/** What an agent is asked, in one shape: every field is there. */
export interface AgentTaskInput {
  /** The text of the last turn; empty if it has none. */
  readonly text: string;
  /** The turns before it. */
  readonly messages: readonly Message[];
  /** The files of the last turn, as they were given. */
  readonly files: readonly FileInput[];
}

/** What a file is to a model. */
export type FileKind = 'image' | 'pdf' | 'text' | 'other';

/** A file that has been read. */
export interface ContentFile {
  /** What it is to a model. */
  readonly kind: FileKind;
  /** Its media type: what its first bytes show, else what was given, else what its name suggests. */
  readonly mediaType: string;
  /** Its name; `file` or `file.pdf` if none is known. */
  readonly name: string;
  /** Where it was read from, as an absolute path; absent if it was not read from a path. */
  readonly path?: string | undefined;
  /** Its bytes; valid UTF-8 if `kind` is `text`. */
  readonly bytes: Uint8Array;
  /** SHA-256 of its bytes, in hex. */
  readonly digest: string;
  /** Of an image: its width and height, if its format says them in a way that is known here. */
  readonly sizePx?: ImageSize | undefined;
  /** Of a PDF: the number of its pages, as far as it is known without rendering them; at least 1. */
  readonly pages?: number | undefined;
}

/** The size of an image, in pixels. */
export interface ImageSize {
  /** Its width. */
  readonly widthPx: number;
  /** Its height. */
  readonly heightPx: number;
}

/** A file in a message of the user, with its bytes. */
export interface LoadedFilePart {
  /** A file. */
  type: 'file';
  /** The file, read. */
  file: ContentFile;
}

/** What a tool returned, with the tool's name. */
export interface NamedToolResult extends ToolResultPart {
  /** The name of the tool. */
  name: string;
}

/** One part of a message, with the bytes of its file. */
export type LoadedPart = TextPart | LoadedFilePart | ToolCallPart | NamedToolResult;

/** One turn of a conversation, with the bytes of its files. */
export interface LoadedMessage {
  /** Whose turn it is. */
  readonly role: 'user' | 'assistant';
  /** What was said: text, or parts. */
  readonly content: string | readonly LoadedPart[];
}

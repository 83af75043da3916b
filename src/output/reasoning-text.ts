/** The names of the tags between which models write their reasoning. */
const TAGS =
  '(?:think|thinking|thought|thoughts|reasoning|reflection|analysis|scratchpad|inner_monologue|seed:think)';
const OPENING = new RegExp(
  `^\\s*(?:<(${TAGS})(?:\\s[^<>]*)?>|\\[(THINK)\\]|<\\|(${TAGS})\\|>|(◁think▷))`,
  'i',
);
const LONGEST_TAG = 24;
/** What may still become an opening tag. */
const TAG_BEGIN = /^(?:<\|?[a-z_:]{0,16}(?:\||\s[^<>]{0,40})?|\[[think]{0,5}|◁[^▷]{0,8})$/i;
const CLOSING = new RegExp(`</(${TAGS})>|\\[/(THINK)\\]|◁/(think)▷`, 'gi');

/** Text with the reasoning taken out of it. */
export interface SplitText {
  readonly text: string;
  readonly reasoning: string;
}

/**
 * Takes the reasoning out of a whole answer: one or more blocks such as `<think>…</think>` at its start, one that is not
 * closed, and what stands before a closing tag whose opening tag is part of the model's template. Tags further down are
 * part of the answer.
 */
export function splitReasoning(answer: string): SplitText {
  let rest = answer;
  let reasoning = '';
  for (let opening = OPENING.exec(rest); opening !== null; opening = OPENING.exec(rest)) {
    rest = rest.slice(opening[0].length);
    const closing = closingOf(opening).exec(rest);
    if (closing === null) return { text: '', reasoning: reasoning + rest };
    reasoning += rest.slice(0, closing.index);
    rest = rest.slice(closing.index + closing[0].length);
  }
  return rest === answer ? splitAtClosing(answer) : { text: rest.trimStart(), reasoning };
}

/** A closing tag whose opening tag the model's template wrote. */
function splitAtClosing(answer: string): SplitText {
  for (const closing of answer.matchAll(CLOSING)) {
    const name = closing.slice(1).find((tag) => tag !== undefined);
    const reasoning = answer.slice(0, closing.index);
    // With an opening tag further up, both are part of the answer.
    if (new RegExp(`[<[◁]${name}`, 'i').test(reasoning)) break;
    const text = answer.slice(closing.index + closing[0].length);
    if (!standsAlone(reasoning, text)) continue;
    return isJson(answer) ? { text: answer, reasoning: '' } : { text: text.trimStart(), reasoning };
  }
  return { text: answer, reasoning: '' };
}

/** Whether a closing tag is on a line of its own or right before JSON. Others are text about tags. */
function standsAlone(before: string, after: string): boolean {
  const isQuoted = /[`"']$/.test(before.slice(-1));
  const startsLine = /(^|\n)[ \t]*$/.test(before.slice(-LONGEST_TAG));
  return !isQuoted && (startsLine || /^[ \t]*(\r?\n|[{[`]|$)/.test(after.slice(0, LONGEST_TAG)));
}

function isJson(text: string): boolean {
  if (!/^\s*[[{"]/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The tag that closes a block, of any case. */
function closingOf([, tag, bracket, piped]: RegExpExecArray): RegExp {
  if (tag !== undefined) return new RegExp(`</${tag}>`, 'i');
  if (bracket !== undefined) return /\[\/THINK\]/i;
  return piped === undefined ? /◁\/think▷/i : new RegExp(`<\\|/${piped}\\|>`, 'i');
}

const NO_TAG = /(?!)/;

/** A piece of a streamed answer, and what it is. */
export interface TextPiece {
  readonly isReasoning: boolean;
  readonly text: string;
}

/**
 * {@link splitReasoning} for text that arrives piece by piece. Keeps back only what may be a part of a tag. A closing
 * tag alone comes too late: what stood before it was passed on as text.
 */
export class ReasoningSplitter {
  #pending = '';
  /** `start`: a block may begin here. */
  #state: 'start' | 'reasoning' | 'answer' = 'start';
  #closing = NO_TAG;
  #hadReasoning = false;

  /** Reads the next piece; returns what can be passed on. */
  add(text: string): TextPiece[] {
    if (this.#state === 'answer') return text === '' ? [] : [{ isReasoning: false, text }];
    this.#pending += text;
    return this.#read();
  }

  /** The text has ended: what was kept back is what it looks like. */
  end(): TextPiece[] {
    const isReasoning = this.#state === 'reasoning';
    const text = !isReasoning && this.#hadReasoning ? this.#pending.trimStart() : this.#pending;
    this.#pending = '';
    return text === '' ? [] : [{ isReasoning, text }];
  }

  #read(): TextPiece[] {
    const pieces: TextPiece[] = [];
    for (;;) {
      const before = this.#state;
      const text = before === 'reasoning' ? this.#readReasoning() : this.#readStart();
      if (text !== '') pieces.push({ isReasoning: before === 'reasoning', text });
      if (this.#state === before || this.#state === 'answer') return pieces;
    }
  }

  #readStart(): string {
    const opening = OPENING.exec(this.#pending);
    if (opening !== null) {
      this.#pending = this.#pending.slice(opening[0].length);
      this.#closing = closingOf(opening);
      this.#state = 'reasoning';
      this.#hadReasoning = true;
      return '';
    }
    const begin = this.#pending.trimStart();
    if (begin === '' || TAG_BEGIN.test(begin)) return '';
    this.#state = 'answer';
    const text = this.#hadReasoning ? begin : this.#pending;
    this.#pending = '';
    return text;
  }

  #readReasoning(): string {
    const closing = this.#closing.exec(this.#pending);
    if (closing !== null) {
      const text = this.#pending.slice(0, closing.index);
      this.#pending = this.#pending.slice(closing.index + closing[0].length);
      this.#state = 'start';
      return text;
    }
    // What may be the begin of the closing tag.
    const bracket = this.#pending.slice(-LONGEST_TAG).search(/[<[◁][^<[◁]*$/);
    const kept = bracket === -1 ? 0 : Math.min(this.#pending.length, LONGEST_TAG) - bracket;
    const text = this.#pending.slice(0, this.#pending.length - kept);
    this.#pending = this.#pending.slice(this.#pending.length - kept);
    return text;
  }
}

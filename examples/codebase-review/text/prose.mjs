import { parseMarkdown, plainText } from './markdown.mjs';
import { sourceComments } from './source-comments.mjs';

const sentenceSegmenter = new Intl.Segmenter('en', { granularity: 'sentence' });
const wordSegmenter = new Intl.Segmenter('en', { granularity: 'word' });

// Code that has been commented out is not prose.
const CODE_LINE = /^.*(?:[;{}]|(?:=>|===).*)[ \t]*$/gm;

export const isMarkdown = (path = '') => /\.(?:md|markdown)$/i.test(path);

/**
 * The prose of a file as paragraphs, `{ text, line }`: a Markdown document's paragraphs and list items (no headings,
 * tables or code blocks), or a source file's comments. `codeAs` stands in for inline code where names would disturb.
 */
export async function proseOf(text, path, { codeAs } = {}) {
  if (isMarkdown(path)) return markdownParagraphs(parseMarkdown(text), codeAs);
  const comments = joinLineComments(await sourceComments(text, path));
  return comments.flatMap(({ line, text: comment }) => commentParagraphs(comment, line, codeAs));
}

/** Sentences of one paragraph. */
export function sentencesOf(text) {
  return Array.from(sentenceSegmenter.segment(text), ({ segment }) => segment.trim()).filter(Boolean);
}

/** Words of a text: letters and digits, no punctuation. */
export function wordsOf(text) {
  const words = [];
  for (const { segment, isWordLike } of wordSegmenter.segment(text)) if (isWordLike) words.push(segment);
  return words;
}

/** The first heading of a Markdown document. */
export function titleOf(tokens) {
  const at = tokens.findIndex((token) => token.type === 'heading_open');
  return at === -1 ? undefined : plainText(tokens[at + 1]);
}

function markdownParagraphs(tokens, codeAs) {
  const isParagraph = (at) => tokens[at - 1]?.type === 'paragraph_open';
  return tokens
    .filter((token, at) => token.type === 'inline' && isParagraph(at))
    .map((token) => ({ text: plainText(token, codeAs), line: token.map[0] + 1 }));
}

// A thought spread over several `//` lines is one paragraph.
function joinLineComments(comments) {
  const joined = [];
  for (const comment of comments) {
    const last = joined.at(-1);
    const lastLine = last === undefined ? -1 : last.line + last.text.split('\n').length - 1;
    if (comment.line === lastLine + 1) last.text += `\n${comment.text}`;
    else joined.push({ ...comment });
  }
  return joined;
}

function commentParagraphs(comment, line, codeAs) {
  const paragraphs = [];
  let at = line;
  for (const block of comment.replace(/```[\s\S]*?```/g, blankLines).split(/\n(?=[ \t]*(?:\n|@|[-*] ))/)) {
    const text = spokenComment(block, codeAs);
    if (text !== '') paragraphs.push({ text, line: at + (/^\n*/.exec(block)?.[0].length ?? 0) });
    at += block.split('\n').length;
  }
  return paragraphs;
}

const blankLines = (block) => block.replace(/[^\n]/g, '');

function spokenComment(block, codeAs) {
  return block
    .replace(/^\s*(?:[-*] |@(?:param|returns|throws|see|default)\b(?:\s+\{[^}]*\})?)/, '')
    .replace(/^\s*@\w+/, '')
    .replace(/\{@link\s+([^}|]+)[^}]*\}/g, '$1')
    .replace(CODE_LINE, '')
    .replace(/`([^`\n]*)`/g, (_, code) => codeAs ?? code)
    .replace(/\s+/g, ' ')
    .trim();
}

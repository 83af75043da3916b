import MarkdownIt from 'markdown-it';

const parser = new MarkdownIt({ html: true });

/** The tokens of a Markdown document. Front matter is blanked, so that line numbers stay right. */
export function parseMarkdown(text) {
  const frontMatter = /^---\r?\n[\s\S]*?\r?\n---[ \t]*(?=\r?\n|$)/.exec(text)?.[0] ?? '';
  return parser.parse(frontMatter.replace(/[^\n]/g, '') + text.slice(frontMatter.length), {});
}

/** The text of an inline token as a reader sees it; `codeAs` stands in for inline code. */
export function plainText(inline, codeAs) {
  return inline.children
    .map((child) => {
      if (child.type === 'text') return child.content;
      if (child.type === 'code_inline') return codeAs ?? child.content;
      return child.type === 'softbreak' || child.type === 'hardbreak' ? ' ' : '';
    })
    .join('')
    .trim();
}

// npm run docs:index: writes llms.txt, the index of the Markdown documentation for programs that read it. It is made from
// docs/README.md, the index for people. A test checks that it is current.
import { readFileSync, writeFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../', import.meta.url);

/** What llms.txt has to contain. */
export function llmsText() {
  const { name, description } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8'));
  const sections = sectionsOf(readFileSync(new URL('docs/README.md', ROOT), 'utf8'));
  return [
    `# ${name}`,
    `> ${description}`,
    ...sections.map(({ title, entries }) => [`## ${title}`, '', ...entries].join('\n')),
  ]
    .join('\n\n')
    .concat('\n');
}

/** The index, section by section: entries of pages that are in the package, with paths from its root. */
function sectionsOf(index) {
  const sections = [];
  let chapter = '';
  for (const line of index.split('\n')) {
    const [, level, title] = /^(##+) (.+)$/.exec(line) ?? [];
    if (level === '##') chapter = title;
    if (level !== undefined) {
      sections.push({ title: level === '##' ? title : `${chapter}: ${title}`, entries: [] });
    }
    const [, label, target, text] = /^- \[(.+)\]\((.+)\): (.+)$/.exec(line) ?? [];
    const path = target === undefined ? '' : posix.join('docs', target);
    if (isPacked(path)) sections.at(-1).entries.push(`- [${label}](${path}): ${text}`);
  }
  return sections.filter(({ entries }) => entries.length > 0);
}

/** The package contains the documents in docs/ and the changes, but no examples, benchmarks or pages for contributors. */
function isPacked(path) {
  return path.startsWith('docs/') || path === 'CHANGELOG.md';
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(new URL('llms.txt', ROOT), llmsText());
}

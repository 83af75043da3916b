import { readFile, realpath, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import GithubSlugger from 'github-slugger';
import { parseMarkdown, plainText } from '../text/markdown.mjs';
import { isMarkdown } from '../text/prose.mjs';
import { giveWay } from './give-way.mjs';

/** The link checker of one folder. The folder is no parameter of a call: it belongs to the agent. */
export const checkLinksIn = (root) => (task, context) => checkLinks(task, context, root);

/**
 * Checks the local links of a Markdown document: that the file is there, and that the heading behind `#` is there.
 * Links to the web are counted and left alone. Nothing outside the reviewed folder is looked at.
 */
async function checkLinks(task, { params, signal }, root) {
  await giveWay();
  const { path } = params;
  const links = linksIn(parseMarkdown(task));
  const broken = [];
  let local = 0;
  for (const link of links) {
    if (isForeign(link.target)) continue;
    local++;
    const problem = await problemWith(link.target, { path, root, text: task, signal });
    if (problem !== undefined) broken.push({ ...link, problem });
  }
  const output = broken.map(({ line, target, problem }) => `line ${line}: ${target} – ${problem}`).join('\n');
  return {
    output: output || (local === 0 ? 'No local links.' : `Local links checked: ${local}, all good.`),
    data: { local, web: links.length - local, broken },
  };
}

/** Every link and image of a document with its line. */
function linksIn(tokens) {
  return tokens.flatMap((token) => {
    const line = (token.map?.[0] ?? 0) + 1;
    if (token.type === 'html_block') return htmlTargets(token.content).map((target) => ({ line, target }));
    return token.type === 'inline' ? inlineLinks(token.children, line) : [];
  });
}

function inlineLinks(children, firstLine) {
  const links = [];
  let line = firstLine;
  for (const child of children) {
    if (child.type === 'softbreak' || child.type === 'hardbreak') line++;
    const targets = child.type === 'html_inline' ? htmlTargets(child.content) : [];
    const target = child.attrGet('href') ?? child.attrGet('src');
    for (const one of target === null ? targets : [target]) links.push({ line, target: one });
  }
  return links;
}

const htmlTargets = (html) => Array.from(html.matchAll(/\s(?:href|src)="([^"]*)"/g), ([, target]) => target);

const isForeign = (target) => /^(?:[a-z][a-z0-9+.-]*:|\/\/)/i.test(target);

async function problemWith(target, { path, root, text, signal }) {
  const [location, fragment = ''] = decoded(target).split('#', 2);
  if (location === '') return headingProblem(text, fragment);
  const file = locate(location.split('?')[0], path, root);
  if (!isInside(root, file)) return 'leads out of the folder';
  const real = await realpath(file).catch(() => undefined);
  if (real === undefined) return 'no such file';
  // A symbolic link may lead out of the folder too.
  if (!isInside(await realpath(root), real)) return 'leads out of the folder';
  if (fragment === '' || !isMarkdown(real) || (await stat(real)).isDirectory()) return undefined;
  return headingProblem(await readFile(real, { encoding: 'utf8', signal }), fragment);
}

function headingProblem(text, fragment) {
  if (fragment === '') return undefined;
  return anchorsOf(parseMarkdown(text)).has(fragment) ? undefined : 'no such heading';
}

function decoded(target) {
  try {
    return decodeURIComponent(target);
  } catch {
    return target;
  }
}

// `/docs/x.md` starts at the folder's root, everything else beside the document.
function locate(location, path, root) {
  return location.startsWith('/') ? join(root, location) : resolve(root, dirname(path), location);
}

function isInside(root, file) {
  const inside = relative(root, file);
  return inside !== '..' && !inside.startsWith(`..${sep}`);
}

function anchorsOf(tokens) {
  const slugger = new GithubSlugger();
  const anchors = new Set();
  for (const [at, token] of tokens.entries()) {
    if (token.type === 'heading_open') anchors.add(slugger.slug(plainText(tokens[at + 1])));
    const html = token.type === 'html_block' || token.type === 'inline' ? token.content : '';
    for (const [, id] of html.matchAll(/<[^<>]*\s(?:id|name)="([^"]+)"/g)) anchors.add(id);
  }
  return anchors;
}

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** How many telling lines in a row make a block. */
const BLOCK_LINES = 8;

/** The duplicate finder of one folder. The folder is no parameter of a call: what counts is what its files hold. */
export const findDuplicatesIn = (root) => (task, context) => findDuplicates(task, context, root);

/**
 * Finds blocks of lines that stand in more than one place. The task is JSON, `{ "files": [{ "path": … }] }`; the
 * agent reads the files itself. Space does not count, nor do lines without words, nor imports.
 */
async function findDuplicates(task, { signal }, root) {
  const { files } = JSON.parse(task);
  const lines = [];
  for (const { path } of files) {
    const text = await readFile(join(root, path), { encoding: 'utf8', signal });
    lines.push(...tellingLines(text, path));
    // Ends one file's run of lines: no block reaches from one file into the next.
    lines.push({ key: `\u0000${path}`, path, line: 0 });
  }
  const blocks = repeatedBlocks(lines).sort((a, b) => b.lines - a.lines);
  const output = blocks.map(
    (block) => `${block.lines} lines: ${place(block.second)} repeats ${place(block.first)}`,
  );
  return { output: output.join('\n') || 'No repeated blocks.', data: { files: files.length, blocks } };
}

const place = ({ path, line }) => `${path}:${line}`;

function tellingLines(text, path) {
  return text.split('\n').flatMap((content, index) => {
    const key = content.trim().replace(/\s+/g, ' ');
    const telling = /[\p{L}\p{N}]{2}/u.test(key) && !/^(?:import\b|export .* from\b|\} from\b)/.test(key);
    return telling ? [{ key, path, line: index + 1 }] : [];
  });
}

// One pass: each window of BLOCK_LINES lines is looked up among those before it, and a match is followed to its end.
function repeatedBlocks(lines) {
  const ids = lineIds(lines);
  const seen = new Map();
  const blocks = [];
  let at = 0;
  while (at + BLOCK_LINES <= ids.length) {
    const window = ids.slice(at, at + BLOCK_LINES).join(',');
    const earlier = seen.get(window);
    if (earlier === undefined) seen.set(window, at);
    const length = earlier === undefined ? 0 : commonLength(ids, earlier, at);
    if (length >= BLOCK_LINES) blocks.push({ lines: length, first: lines[earlier], second: lines[at] });
    at += Math.max(1, length - BLOCK_LINES + 1);
  }
  return blocks.map(({ lines: count, first, second }) => ({
    lines: count,
    first: { path: first.path, line: first.line },
    second: { path: second.path, line: second.line },
  }));
}

function lineIds(lines) {
  const ids = new Map();
  return lines.map(({ key }) => {
    if (!ids.has(key)) ids.set(key, ids.size);
    return ids.get(key);
  });
}

// A block that would overlap its own copy ends where the copy begins.
function commonLength(ids, first, second) {
  const longest = Math.min(second - first, ids.length - second);
  let length = 0;
  while (length < longest && ids[first + length] === ids[second + length]) length++;
  return length;
}

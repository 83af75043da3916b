import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** The longest task an agent takes, in characters. */
const MAX_TASK_CHARS = 100_000;

const AGENTS_FOR = {
  markdown: ['summarize', 'readability', 'find-todos', 'check-links'],
  code: ['summarize', 'readability', 'find-todos', 'complexity'],
};
const PROOFREAD_FILES = 8;
const SLOWLY_READ_FILES = 3;
const FILES_AHEAD = 32;

/**
 * What is to be done for a list of files. `tasks()` reads the files as their turn comes, so little more than the
 * running work is in memory; `skipped` fills with the files that cannot be a task, and `total` goes down with them.
 */
export function planTasks(root, files) {
  const work = assignAgents(files);
  const plan = { total: 0, skipped: [], tasks: () => tasksOf(plan, root, work) };
  plan.total = work.reduce((sum, { agents }) => sum + agents.length, expectedGroups(work));
  return plan;
}

function assignAgents(files) {
  // Documents first: there is more in them for those who read.
  const documents = files.filter(({ kind }) => kind === 'markdown');
  const forReading = [...documents, ...files.filter(({ kind }) => kind !== 'markdown')];
  const proofread = new Set(forReading.slice(0, PROOFREAD_FILES));
  const slowlyRead = new Set(forReading.slice(0, SLOWLY_READ_FILES));
  return files.map((file) => ({
    path: file.path,
    agents: [
      ...AGENTS_FOR[file.kind],
      ...(proofread.has(file) ? ['flaky-proofreader'] : []),
      ...(slowlyRead.has(file) ? ['slow-reader'] : []),
    ],
  }));
}

async function* tasksOf(plan, root, work) {
  const read = [];
  for await (const { path, agents, text, reason } of readAhead(root, work)) {
    if (reason !== undefined) {
      plan.skipped.push({ path, reason });
      plan.total -= agents.length;
      continue;
    }
    read.push({ path, digest: digestOf(text) });
    for (const agent of agents) yield { agent, task: text, params: { path }, metadata: { path } };
  }
  const groups = groupsOf(read);
  plan.total += groups.length - expectedGroups(work);
  for (const group of groups) {
    const metadata = { path: `${group.length} files` };
    yield { agent: 'find-duplicates', task: taskFor(group), metadata };
  }
}

const expectedGroups = (work) => Math.min(1, work.length);

// Far enough ahead that reading keeps up with the agents and no permit lies idle.
async function* readAhead(root, work) {
  const reading = [];
  for (const item of work) {
    reading.push(readTask(join(root, item.path)).then((content) => ({ ...item, ...content })));
    if (reading.length > FILES_AHEAD) yield reading.shift();
  }
  yield* reading;
}

async function readTask(file) {
  try {
    // A character takes at most four bytes, so a larger file need not be read to be refused.
    const { size } = await stat(file);
    const text = size > 4 * MAX_TASK_CHARS ? undefined : await readFile(file, 'utf8');
    if (text === undefined || text.length > MAX_TASK_CHARS) {
      return { reason: `longer than ${MAX_TASK_CHARS.toLocaleString('en')} characters` };
    }
    return text.trim() === '' ? { reason: 'empty' } : { text };
  } catch (error) {
    return { reason: `cannot be read (${error.code})` };
  }
}

// The digest makes the task change when a file does, although the task itself holds only names.
const digestOf = (text) => createHash('sha256').update(text).digest('hex').slice(0, 12);

const taskFor = (files) => JSON.stringify({ files });

// One group for all files, unless their names alone would be too long a task.
function groupsOf(files) {
  const groups = [];
  let room = 0;
  for (const file of files) {
    const chars = JSON.stringify(file).length + 1;
    if (groups.length === 0 || chars > room) {
      groups.push([]);
      room = MAX_TASK_CHARS - taskFor([]).length;
    }
    groups.at(-1).push(file);
    room -= chars;
  }
  return groups;
}

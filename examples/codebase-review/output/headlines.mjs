import { basename } from 'node:path/posix';
import { count } from './style.mjs';

const HEADLINES = {
  summarize: (answers) =>
    `${count(total(answers, 'of'), 'sentence')}, the ${total(answers, 'kept')} that say most`,
  readability: (answers) => {
    const judged = answers
      .filter(({ data }) => data.score !== undefined)
      .sort((a, b) => a.data.score - b.data.score);
    if (judged.length === 0) return 'too little prose to judge';
    const [hardest] = judged;
    const median = judged[Math.floor(judged.length / 2)];
    return `median ease ${rounded(median)}; hardest ${rounded(hardest)} (${basename(hardest.path)})`;
  },
  'find-todos': (answers) => `${count(listed(answers, 'todos'), 'note')} left in the files`,
  complexity: (answers) => {
    const functions = total(answers, 'total');
    if (functions === 0) return 'no functions';
    const worst = answers.reduce((a, b) => (b.data.max > a.data.max ? b : a));
    const [{ name, complexity }] = worst.data.functions;
    return `${count(functions, 'function')}; most complex ${name}, ${complexity} (${basename(worst.path)})`;
  },
  'check-links': (answers) =>
    `${count(total(answers, 'local'), 'local link')}, ${listed(answers, 'broken')} broken`,
  'find-duplicates': (answers) => {
    const longest = answers.reduce((lines, { data }) => Math.max(lines, data.blocks[0]?.lines ?? 0), 0);
    if (longest === 0) return 'no repeated blocks';
    return `${count(listed(answers, 'blocks'), 'repeated block')}, longest ${longest} lines`;
  },
  'flaky-proofreader': (answers) => count(listed(answers, 'doubled'), 'doubled word'),
};

const total = (answers, number) => answers.reduce((sum, { data }) => sum + data[number], 0);
const listed = (answers, list) => answers.reduce((sum, { data }) => sum + data[list].length, 0);
const rounded = ({ data }) => data.score.toFixed(0);

/** What one agent has to say in a line: how its calls went where that is remarkable, then what it found. */
export function headlineOf(row) {
  const answered = row.answers.length === 0 ? undefined : HEADLINES[row.name]?.(row.answers);
  return [timeoutLine(row), failureLine(row), retryLine(row), answered].filter(Boolean).join('; ') || '–';
}

function timeoutLine({ failures }) {
  const timeout = failures.find((failure) => failure.timeout !== undefined)?.timeout;
  if (timeout === undefined) return undefined;
  return `${timeout.name}, scope ${timeout.scope}, after ${timeout.timeoutMs} ms`;
}

function failureLine({ failures }) {
  return failures.find((failure) => failure.timeout === undefined)?.error.message;
}

function retryLine({ answers }) {
  const attempts = Math.max(1, ...answers.map((answer) => answer.attempts));
  return attempts === 1 ? undefined : `attempts ${attempts}: failed, retried, answered`;
}

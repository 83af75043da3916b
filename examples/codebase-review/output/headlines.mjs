import { basename } from 'node:path/posix';
import { count } from './style.mjs';
import { percentile } from './tally.mjs';

const HEADLINES = {
  summarize: (answers) => {
    const kept = sum(answers, ({ data }) => data.kept);
    return `${count(
      sum(answers, ({ data }) => data.of),
      'sentence',
    )}, the ${kept} that say most`;
  },
  readability: (answers) => {
    const judged = answers.filter(({ data }) => data.score !== undefined);
    if (judged.length === 0) return 'too little prose to judge';
    const hardest = judged.reduce((a, b) => (b.data.score < a.data.score ? b : a));
    const median = percentile(
      judged.map(({ data }) => data.score),
      0.5,
    );
    return `median ease ${median.toFixed(0)}; hardest ${hardest.data.score.toFixed(0)} (${basename(hardest.path)})`;
  },
  'find-todos': (answers) =>
    `${count(
      sum(answers, ({ data }) => data.todos.length),
      'note',
    )} left in the files`,
  complexity: (answers) => {
    const total = sum(answers, ({ data }) => data.total);
    if (total === 0) return 'no functions';
    const worst = answers.reduce((a, b) => (b.data.max > a.data.max ? b : a));
    const [{ name, complexity }] = worst.data.functions;
    return `${count(total, 'function')}; most complex ${name}, ${complexity} (${basename(worst.path)})`;
  },
  'check-links': (answers) => {
    const broken = sum(answers, ({ data }) => data.broken.length);
    return `${count(
      sum(answers, ({ data }) => data.local),
      'local link',
    )}, ${broken} broken`;
  },
  'find-duplicates': (answers) => {
    const blocks = answers.flatMap(({ data }) => data.blocks);
    const longest = Math.max(0, ...blocks.map(({ lines }) => lines));
    return blocks.length === 0
      ? 'no repeated blocks'
      : `${count(blocks.length, 'repeated block')}, longest ${longest} lines`;
  },
  'flaky-proofreader': (answers) =>
    count(
      sum(answers, ({ data }) => data.doubled.length),
      'doubled word',
    ),
};

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

const sum = (answers, numberOf) => answers.reduce((total, answer) => total + numberOf(answer), 0);

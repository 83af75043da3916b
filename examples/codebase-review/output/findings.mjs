// Up to this a function is considered easy to follow.
const SIMPLE_UP_TO = 5;
const HARD_TO_READ_BELOW = 50;

/** What the agents found, as sections of `{ place, text }`, the worst first. An empty section is good news. */
export function findingsOf(tally) {
  return [
    { title: 'Broken links', items: brokenLinks(tally.answersOf('check-links')) },
    { title: 'Most complex functions', items: complexFunctions(tally.answersOf('complexity')) },
    { title: 'Repeated blocks', items: repeatedBlocks(tally.answersOf('find-duplicates')) },
    { title: 'TODO and FIXME', items: todos(tally.answersOf('find-todos')) },
    { title: 'Hard to read', items: hardToRead(tally.answersOf('readability')) },
    { title: 'Doubled words', items: doubledWords(tally.answersOf('flaky-proofreader')) },
  ];
}

function brokenLinks(answers) {
  return located(answers, ({ data }) => data.broken).map(({ place, item }) => ({
    place,
    text: `${item.target} – ${item.problem}`,
  }));
}

function complexFunctions(answers) {
  return located(answers, ({ data }) => data.functions)
    .filter(({ item }) => item.complexity > SIMPLE_UP_TO)
    .sort((a, b) => b.item.complexity - a.item.complexity)
    .map(({ place, item }) => ({ place, text: `${item.name}: ${item.complexity} paths` }));
}

function repeatedBlocks(answers) {
  return answers
    .flatMap(({ data }) => data.blocks)
    .sort((a, b) => b.lines - a.lines)
    .map(({ lines, first, second }) => ({
      place: `${second.path}:${second.line}`,
      text: `${lines} lines as in ${first.path}:${first.line}`,
    }));
}

function todos(answers) {
  return located(answers, ({ data }) => data.todos).map(({ place, item }) => ({
    place,
    text: `${item.kind}: ${item.text}`,
  }));
}

function hardToRead(answers) {
  return answers
    .filter(({ data }) => data.score < HARD_TO_READ_BELOW)
    .sort((a, b) => a.data.score - b.data.score)
    .map(({ path, data }) => ({ place: path, text: `reading ease ${data.score.toFixed(0)}, ${data.label}` }));
}

function doubledWords(answers) {
  return located(answers, ({ data }) => data.doubled).map(({ place, item }) => ({
    place,
    text: `${item.word} ${item.word}`,
  }));
}

// Results come in order of completion, which differs from run to run.
function located(answers, itemsOf) {
  return [...answers]
    .sort(byPath)
    .flatMap((answer) => itemsOf(answer).map((item) => ({ place: `${answer.path}:${item.line}`, item })));
}

const byPath = (a, b) => (a.path < b.path ? -1 : 1);

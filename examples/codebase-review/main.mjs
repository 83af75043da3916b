import { ArgumentError, HELP, readArguments } from './arguments.mjs';
import { checkFolder, FolderError, findFiles } from './input/files.mjs';
import { findingsOf } from './output/findings.mjs';
import { problemWithReport, writeReport } from './output/report.mjs';
import { savingsText } from './output/savings.mjs';
import { count, painterFor } from './output/style.mjs';
import { agentTable, findingsText } from './output/summary.mjs';

const stream = process.stdout;
const paint = painterFor(stream);
const say = (text = '') => stream.write(`${text}\n`);

async function main(argv) {
  const { help, folder: root, concurrency, report, cache, model } = readArguments(argv);
  if (help) {
    stream.write(HELP);
    return 0;
  }
  const signal = abortOnInterrupt();
  await checkFolder(root);
  const problem = await problemWithReport(report);
  if (problem !== undefined) throw new ArgumentError(problem);
  const files = await findFiles(root, { leaveOut: [report], signal });
  if (files.length === 0) {
    say(`Nothing to review: ${root} holds no Markdown, JavaScript or TypeScript files.`);
    return 0;
  }
  say(`Reviewing ${count(files.length, 'file')} of ${root}, ${concurrency} at a time. Ctrl-C stops.`);
  // Loaded only now, so that --help and a mistake in the arguments are answered at once.
  const { review } = await import('./review.mjs');
  const outcome = await review({ root, files, concurrency, cache, signal, stream, paint });
  const code = await conclude({
    ...outcome,
    root,
    report,
    concurrency,
    fileCount: files.length,
    isStopped: signal.aborted,
  });
  if (!model || signal.aborted) return code;
  // Loaded only where it is asked for: a provider's client takes longer to load than the whole review.
  const { askModel } = await import('./model/ask-model.mjs');
  return (await askModel({ root, files, signal, stream })) ? code : 1;
}

async function conclude(outcome) {
  const { plan, tally, seconds, attempts, warnings, cacheFolder } = outcome;
  const { root, report, concurrency, fileCount, isStopped } = outcome;
  const sections = findingsOf(tally);
  say(`\n${agentTable(tally, paint, stream.columns)}\n`);
  say(`${findingsText(sections, paint, stream.columns)}\n`);
  const { skipped } = plan;
  if (skipped.length > 0) say(`Skipped ${count(skipped.length, 'file')}: ${reasonsOf(skipped)}.`);
  for (const warning of warnings) say(paint('yellow', warning));
  const saved = savingsText(tally, concurrency, cacheFolder);
  if (saved !== undefined) say(paint('green', saved));
  if (isStopped) {
    const stopped = `Stopped after ${count(tally.done, 'call')}; cancelled: ${tally.cancelled}. No report written.`;
    say(paint('yellow', stopped));
    return 130;
  }
  const date = new Date().toISOString().slice(0, 10);
  try {
    await writeReport(report, { root, date, seconds, fileCount, tally, sections, skipped });
  } catch (error) {
    process.stderr.write(`The report could not be written: ${error.message}\n`);
    return 1;
  }
  const work = `${count(tally.done, 'call')}, ${count(attempts, 'attempt')}`;
  say(`${work} in ${seconds.toFixed(1)} s. Report: ${report}`);
  return hasUnexpectedFailure(tally) ? 1 : 0;
}

/** A signal for everything that runs. The first Ctrl-C ends the review, a second one the process. */
function abortOnInterrupt() {
  const controller = new AbortController();
  process.once('SIGINT', () => {
    process.once('SIGINT', () => process.exit(130));
    controller.abort();
  });
  // Leaving by process.exit gives the cursor back, which dying of a signal does not.
  process.once('SIGTERM', () => process.exit(143));
  return controller.signal;
}

// The slow reader times out on purpose; nothing else should.
function hasUnexpectedFailure(tally) {
  return tally.rows().some((row) => row.failed > 0 || (row.timedOut > 0 && row.name !== 'slow-reader'));
}

function reasonsOf(skipped) {
  const files = new Map();
  for (const { reason } of skipped) files.set(reason, (files.get(reason) ?? 0) + 1);
  return Array.from(files, ([reason, number]) => `${number} ${reason}`).join(', ');
}

// The reader of our pipe may leave early (`| head`); that is no failure.
stream.on('error', (error) => process.exit(error.code === 'EPIPE' ? 0 : 1));

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const isUsersMistake = error instanceof ArgumentError || error instanceof FolderError;
  process.stderr.write(isUsersMistake ? `${error.message}\nTry --help.\n` : `${error.stack}\n`);
  process.exitCode = isUsersMistake ? 2 : 1;
}

import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

export const HELP = `Lets eight local agents review a folder's Markdown and source files. No key, no network without --model.

Usage: npm run demo -- [folder] [options]

  folder             what to review (default: the current folder)
  --concurrency N    attempts running at once, 1 to 1000 (default: 8)
  --report FILE      where the report goes (default: tutti-report.md)
  --fresh            compute every answer anew, and keep the new ones in .tutti
  --no-cache         neither take answers from .tutti nor keep any
  --model            has a model judge the first documents, too: a real one where ANTHROPIC_API_KEY or
                     OPENAI_API_KEY (and OPENAI_BASE_URL) is set, else a scripted one on this machine
  --help             this text

Exit codes: 0 the run worked (the slow agent's timeout is on purpose), 1 something else failed,
2 a wrong argument, 130 stopped with Ctrl-C.
`;

/** An argument that makes no sense; the message says what does. */
export class ArgumentError extends Error {}

/** The command line as `{ help, folder, concurrency, report, cache, model }`. Throws an {@link ArgumentError}. */
export function readArguments(argv) {
  const { values, positionals } = parse(argv);
  if (positionals.length > 1) throw new ArgumentError(`One folder at a time; got ${positionals.join(', ')}.`);
  return {
    help: values.help,
    folder: resolve(positionals[0] ?? '.'),
    concurrency: readConcurrency(values.concurrency),
    report: resolve(values.report),
    cache: readCache(values),
    model: values.model,
  };
}

function parse(argv) {
  try {
    return parseArgs({
      args: argv,
      allowPositionals: true,
      options: {
        help: { type: 'boolean', short: 'h', default: false },
        concurrency: { type: 'string', default: '8' },
        report: { type: 'string', default: 'tutti-report.md' },
        fresh: { type: 'boolean', default: false },
        model: { type: 'boolean', default: false },
        'no-cache': { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new ArgumentError(error.message);
  }
}

function readCache({ fresh, 'no-cache': isOff }) {
  if (fresh && isOff) throw new ArgumentError('--fresh keeps answers, --no-cache does not: choose one.');
  if (isOff) return 'off';
  return fresh ? 'fresh' : 'use';
}

function readConcurrency(given) {
  const concurrency = Number(given);
  if (/^\d+$/.test(given) && concurrency >= 1 && concurrency <= 1000) return concurrency;
  throw new ArgumentError(`--concurrency must be a whole number from 1 to 1000; got "${given}".`);
}

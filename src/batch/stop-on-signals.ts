import { constants } from 'node:os';
import { asError } from '../errors/foreign.js';
import type { Unsubscribe } from '../events/typed-emitter.js';
import { mismatch } from '../input/checks.js';
import { hasMethods } from '../input/has-methods.js';
import { madeOnce } from '../input/made-once.js';
import { delayMs } from '../input/number-schemas.js';
import { optionsObject, thing } from '../input/option-schemas.js';
import { parseOptions } from '../input/parse-options.js';
import { optional, withDefault } from '../input/schema.js';
import { systemClock } from '../time/clock.js';

/** What signals stop: an orchestrator, or anything else that closes like one. */
export interface Stoppable {
  /** Lets running work finish for `drainMs` milliseconds, then ends it. */
  close(options: { drainMs: number }): Promise<void>;
}

/** Settings of {@link stopOnSignals}. */
export interface StopOnSignalsOptions {
  /**
   * How long accepted work may go on, in milliseconds; a run also reads on for that long. 0 cancels it at once, which
   * suits a run that can be resumed; a server gives its requests some seconds.
   *
   * @default 0
   */
  drainMs?: number | undefined;
  /** The signals. @default ['SIGINT', 'SIGTERM'] */
  signals?: readonly NodeJS.Signals[] | undefined;
  /** Called with the first signal, before anything is stopped. */
  onSignal?: ((signal: NodeJS.Signals) => void) | undefined;
}

const isSignalList = (value: unknown): boolean =>
  Array.isArray(value) && value.length > 0 && value.every((name) => Object.hasOwn(constants.signals, name));

const stopOnSignalsSchema = madeOnce(() =>
  optionsObject({
    drainMs: withDefault(delayMs(), 0),
    signals: withDefault(thing<readonly NodeJS.Signals[]>(isSignalList, 'a list of names of signals'), [
      'SIGINT',
      'SIGTERM',
    ]),
    onSignal: optional(
      thing<(signal: NodeJS.Signals) => void>((value) => typeof value === 'function', 'a function (signal)'),
    ),
  }),
);

/** Signals so soon after the first are the same one: `npm run` and a terminal both pass on a Ctrl-C. In milliseconds. */
const SAME_MS = 500;

/**
 * Closes the orchestrator when the process gets SIGINT (Ctrl-C) or SIGTERM: runs stop reading, running calls are
 * cancelled, caches and journals are written. The process then ends by itself once nothing is left to do, with exit code
 * 130 or 143 unless the program sets another. A second signal ends it at once.
 *
 * Returns a function that stops listening.
 *
 * @example
 * ```ts
 * stopOnSignals(orchestrator);
 * ```
 *
 * @throws `InvalidArgumentError` for an unknown or invalid option.
 */
export function stopOnSignals(orchestrator: Stoppable, options: StopOnSignalsOptions = {}): Unsubscribe {
  if (!hasMethods('close')(orchestrator)) throw mismatch('orchestrator', 'an orchestrator', orchestrator);
  const { drainMs, signals, onSignal } = parseOptions(
    stopOnSignalsSchema(),
    options,
    'stopOnSignals options',
  );
  let stoppedAtMs: number | undefined;
  const stopListening = (): void => {
    for (const signal of signals) process.off(signal, listener);
  };
  const listener = (signal: NodeJS.Signals): void => {
    if (stoppedAtMs === undefined) {
      stoppedAtMs = systemClock.now();
      process.exitCode = 128 + constants.signals[signal];
      onSignal?.(signal);
      void stop(orchestrator, drainMs).finally(stopListening);
    } else if (systemClock.now() - stoppedAtMs >= SAME_MS) {
      stopListening();
      process.kill(process.pid, signal);
    }
  };
  for (const signal of signals) process.on(signal, listener);
  return Object.assign(stopListening, { [Symbol.dispose]: stopListening });
}

/** What fails while closing must not vanish, and has no caller that waits for it. */
async function stop(orchestrator: Stoppable, drainMs: number): Promise<void> {
  try {
    await orchestrator.close({ drainMs });
  } catch (error) {
    process.emitWarning(asError(error));
  }
}

import { asError, fieldOf } from '../errors/foreign.js';
import { withoutSecrets } from '../errors/redact.js';
import type { Logger, LogMethod } from './logger.js';

/** What is logged: everything of this level and of those after it. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** The levels of logging, from the one that says most. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const satisfies readonly LogLevel[];

const silent: LogMethod = () => {};

/** Logs a JSON object a line to the standard error output, without keys and tokens. */
export function createStderrLogger(level: LogLevel, bound: Record<string, unknown> = {}): Logger {
  const method = (name: 'debug' | 'info' | 'warn' | 'error'): LogMethod =>
    LOG_LEVELS.indexOf(name) < LOG_LEVELS.indexOf(level)
      ? silent
      : (fields, message) => {
          const line = { time: new Date().toISOString(), level: name, ...bound, ...fields, message };
          process.stderr.write(`${withoutSecrets(JSON.stringify(line, plainErrors))}\n`);
        };
  return {
    debug: method('debug'),
    info: method('info'),
    warn: method('warn'),
    error: method('error'),
    child: (fields) => createStderrLogger(level, { ...bound, ...fields }),
  };
}

/** JSON has no errors and no BigInt; of an error nothing is enumerable. */
function plainErrors(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (typeof fieldOf(value, 'stack') !== 'string') return value;
  const { name, message } = asError(value);
  return { name, message };
}

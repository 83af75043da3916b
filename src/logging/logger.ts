/** One level's method: structured fields first, then the message, as in pino. */
export type LogMethod = (fields: Record<string, unknown>, message?: string) => void;

/** Any pino-shaped logger. Only these four levels are used. */
export interface Logger {
  /** Details for debugging. */
  debug: LogMethod;
  /** Things that happen in normal work. */
  info: LogMethod;
  /** Things that work but should not stay so. */
  warn: LogMethod;
  /** Things that failed. */
  error: LogMethod;
  /** A logger that adds the fields to every line; without it the parent is used as it is. */
  child?(fields: Record<string, unknown>): Logger;
}

const nothing: LogMethod = () => {};

/** Says nothing. The default. */
export const silentLogger: Logger = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  child: () => silentLogger,
};

/** The same logger, except that a line it fails to write is lost instead of breaking what was logged about. */
export function guardLogger(logger: Logger): Logger {
  const guard =
    (level: 'debug' | 'info' | 'warn' | 'error'): LogMethod =>
    (fields, message) => {
      try {
        logger[level](fields, message);
      } catch {
        // There is nowhere left to say it.
      }
    };
  return {
    debug: guard('debug'),
    info: guard('info'),
    warn: guard('warn'),
    error: guard('error'),
    child: (fields) => guardLogger(logger.child?.(fields) ?? logger),
  };
}

/** The method of one level: structured fields first, then the message, as in pino. */
export type LogMethod = (fields: Record<string, unknown>, message?: string) => void;

/** A logger with the interface of pino. Only these four levels are used. */
export interface Logger {
  /** Details for debugging. */
  debug: LogMethod;
  /** Normal operation. */
  info: LogMethod;
  /** Problems that do not stop the work. */
  warn: LogMethod;
  /** Failures. */
  error: LogMethod;
  /** Returns a logger that adds the fields to every line. If absent, the logger itself is used. */
  child?(fields: Record<string, unknown>): Logger;
}

const nothing: LogMethod = () => {};

/** Logs nothing. The default. */
export const silentLogger: Logger = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  child: () => silentLogger,
};

/** Wraps a logger so that an error while it writes a line does not break the work that logs it. */
export function guardLogger(logger: Logger): Logger {
  const guard =
    (level: 'debug' | 'info' | 'warn' | 'error'): LogMethod =>
    (fields, message) => {
      try {
        logger[level](fields, message);
      } catch {
        // There is nowhere left to report it.
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

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

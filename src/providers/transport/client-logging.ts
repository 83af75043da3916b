/**
 * Client options that prevent a client from printing unreadable answers to the console: the error says what happened.
 * Setting the client's own environment variable turns its logging on again.
 */
export function quietUnless(variable: string): { logLevel: 'off' } | Record<string, never> {
  return process.env[variable] ? {} : { logLevel: 'off' };
}

/**
 * Client options that keep a client from printing parts of answers to the console when it cannot read them: the
 * error says what happened. Who sets the client's own environment variable gets its logging back.
 */
export function quietUnless(variable: string): { logLevel: 'off' } | Record<string, never> {
  return process.env[variable] ? {} : { logLevel: 'off' };
}

import { TuttiError, type TuttiErrorOptions } from './tutti-error.js';

/**
 * A configuration cannot be used. The message begins with where the value comes from: an environment variable, a file
 * with its line if it is JSON, or the call. Values that may be secret are not in it.
 */
export class ConfigError extends TuttiError<'TUTTI_CONFIG'> {
  /** Where the value comes from: the name of a variable, `<path>` or `<path>:<line>` of a file, or the name of a function. */
  readonly source: string;
  /** The setting, for instance `cache.ttlMs`; `undefined` if it concerns the whole source. */
  readonly field: string | undefined;

  constructor(
    source: string,
    field: string | undefined,
    problem: string,
    options: Pick<TuttiErrorOptions, 'cause'> = {},
  ) {
    super('TUTTI_CONFIG', `${source}: ${problem}`, { ...options, details: { source, field } });
    this.source = source;
    this.field = field;
  }
}

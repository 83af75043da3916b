import { TuttiError, type TuttiErrorOptions } from './tutti-error.js';

/** An optional package that a feature needs is not installed or cannot be loaded. The message says how to install it. */
export class MissingPackageError extends TuttiError<'TUTTI_MISSING_PACKAGE'> {
  /** The package that is missing. */
  readonly packageName: string;

  constructor(
    packageName: string,
    neededFor: string,
    install: string,
    options: Pick<TuttiErrorOptions, 'cause'> = {},
  ) {
    super(
      'TUTTI_MISSING_PACKAGE',
      `${neededFor} needs the package "${packageName}", which could not be loaded. Install it with: npm install ${install}`,
      { ...options, details: { packageName, neededFor } },
    );
    this.packageName = packageName;
  }
}

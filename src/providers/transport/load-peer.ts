import { MissingPackageError } from '../../errors/missing-package-error.js';

/** Creates the error for a package that could not be loaded. */
export type ToMissing = (cause: unknown) => MissingPackageError;

/**
 * Returns a function that loads an optional package on first use. A failed load is tried again: the package may be
 * installed while the process runs.
 *
 * `load` has to import the package inside a `try`: bundlers then leave out a package that is not installed, and report
 * it as an error otherwise.
 */
export function peerLoader<Module>(
  packageName: string,
  neededFor: string,
  load: (toMissing: ToMissing) => Promise<Module>,
  install = packageName,
): () => Promise<Module> {
  const toMissing: ToMissing = (cause) => new MissingPackageError(packageName, neededFor, install, { cause });
  let loading: Promise<Module> | undefined;
  return () => {
    loading ??= load(toMissing)
      .then((module) => {
        if (isEmpty(module)) throw toMissing(new Error(`A bundler left out ${packageName}.`));
        return module;
      })
      .catch((error: unknown) => {
        loading = undefined;
        throw error;
      });
    return loading;
  };
}

/** Next.js with webpack puts a module without exports in place of a package that is not installed. */
function isEmpty(module: unknown): boolean {
  const { default: whole, ...exports } = module as { default?: object };
  return Object.keys(exports).length === 0 && Object.keys(whole ?? {}).length === 0;
}

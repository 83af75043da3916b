import { MissingPackageError } from '../../errors/missing-package-error.js';

/**
 * Returns a function that loads an optional package on first use. A failed load is tried again: the package may be
 * installed while the process runs.
 */
export function peerLoader<Module>(
  packageName: string,
  neededFor: string,
  load: () => Promise<Module>,
  install = packageName,
): () => Promise<Module> {
  let loading: Promise<Module> | undefined;
  return () => {
    loading ??= load().catch((cause: unknown) => {
      loading = undefined;
      throw new MissingPackageError(packageName, neededFor, install, { cause });
    });
    return loading;
  };
}

import { MissingPackageError } from '../../errors/missing-package-error.js';

/** The package, as far as types go; it is optional. */
export type OtelApi = typeof import('@opentelemetry/api');

/**
 * Loads `@opentelemetry/api`. It keeps what an application has registered in one place for all copies of it, so the
 * copy that this gives need not be the application's.
 */
export function loadOtelApi(): OtelApi {
  try {
    // Not an imported `createRequire`, which bundlers follow, and fail where the package is not installed.
    const { createRequire } = process.getBuiltinModule('node:module');
    // In a bundle of CommonJS `import.meta` is empty.
    const url: string | undefined = import.meta.url;
    return createRequire(url ?? __filename)('@opentelemetry/api') as OtelApi;
  } catch (cause) {
    throw new MissingPackageError('@opentelemetry/api', 'openTelemetry()', '@opentelemetry/api', { cause });
  }
}

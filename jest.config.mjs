/** @type {import('jest').Config} */
export default {
  testEnvironment: './tests/environment/forgetting-environment.mjs',
  // Three, for two cores, since some tests wait for sockets, processes and real time. In one process the module
  // registries of all files would pile up, each file slower than the one before; more would disturb each other.
  maxWorkers: 3,
  workerIdleMemoryLimit: '600MB',
  // Ends what hangs. Long, for a busy machine is no reason to fail.
  testTimeout: 30_000,
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
        module: { type: 'es6' },
        sourceMaps: 'inline',
      },
    ],
  },
  globalSetup: './tests/processes/build-once.mjs',
  globalTeardown: './tests/processes/remove-build.mjs',
  testMatch: ['**/tests/**/*.test.ts'],
  coverageProvider: 'babel',
  collectCoverageFrom: ['src/**/*.ts'],
  coverageThreshold: { global: { lines: 95, branches: 95 } },
};

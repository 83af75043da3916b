/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  // Two, whatever the machine has: in one process the module registries of all files pile up and each file gets slower
  // than the one before, and more than two would disturb the tests that measure real time.
  maxWorkers: 2,
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
  globalSetup: './tests/helpers/build-once.mjs',
  globalTeardown: './tests/helpers/remove-build.mjs',
  testMatch: ['**/tests/**/*.test.ts'],
  coverageProvider: 'babel',
  collectCoverageFrom: ['src/**/*.ts'],
  coverageThreshold: { global: { lines: 95, branches: 95 } },
};

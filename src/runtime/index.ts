export { ConfigError } from '../errors/config-error.js';
export type { LogLevel } from '../logging/stderr-logger.js';
export { createTutti, type Tutti } from './create-tutti.js';
export type { Environment } from './environment.js';
export { type LoadConfigOptions, loadConfig } from './load-config.js';
export type { TuttiParts } from './parts.js';
export { defineConfig, type StateConfig, type TelemetryConfig, type TuttiConfig } from './tutti-config.js';

export type { DeepReadonly } from '../collections/deep-freeze.js';
export type { OutputSchema, OutputSchemaError, OutputSchemaResult } from '../contracts/output-schema.js';
export { StateFileError, type StateFilePlace, type StateFileProblem } from '../errors/state-file-error.js';
export type { Unsubscribe } from '../events/typed-emitter.js';
export { type StateChange, type StateEvents, StateManager } from './state-manager.js';
export type { StateManagerOptions } from './state-options.js';
export type { StateUpdater } from './state-update.js';

export { JsonlFileError } from '../errors/jsonl-file-error.js';
export type { Unsubscribe } from '../events/typed-emitter.js';
export {
  type ProgressBar,
  type ProgressBarOptions,
  type ProgressStream,
  progressBar,
} from './progress-bar.js';
export { type ReadJsonlOptions, readJsonl } from './read-jsonl.js';
export { type StopOnSignalsOptions, type Stoppable, stopOnSignals } from './stop-on-signals.js';
export { JsonlWriter, writeJsonl } from './write-jsonl.js';

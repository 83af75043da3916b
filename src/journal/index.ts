export {
  RunBusyError,
  RunChangedError,
  type RunDifference,
  RunJournalError,
  type RunJournalProblem,
  type RunStop,
  RunStoppedError,
} from '../errors/run-errors.js';
export type { DatabaseProblem } from '../errors/storage-errors.js';
export type { RunLocation } from './run-location.js';
export { deleteRun, getRun, type RunRecord, readRun } from './run-records.js';

import type { AgentFileError } from './agent-file-error.js';
import type { CallNotRecordedError } from './call-not-recorded-error.js';
import type { ConfigError } from './config-error.js';
import type {
  AgentError,
  CancelledError,
  OutputError,
  RetriesExhaustedError,
  StreamConsumedError,
  TaskSourceError,
  TimeoutError,
} from './execution-errors.js';
import type { HookError } from './hook-error.js';
import type {
  ClosedError,
  DuplicateAgentError,
  InvalidArgumentError,
  UnknownAgentError,
} from './input-errors.js';
import type { JsonlFileError } from './jsonl-file-error.js';
import type { MissingPackageError } from './missing-package-error.js';
import type { PoolError } from './pool-error.js';
import type {
  ProviderAuthError,
  ProviderNetworkError,
  ProviderOverloadedError,
  ProviderRateLimitedError,
  ProviderRefusalError,
  ProviderRequestError,
  ProviderResponseError,
  ProviderTimeoutError,
} from './provider-errors.js';
import type { QueueFullError } from './resilience-errors.js';
import type { RunBusyError, RunChangedError, RunJournalError, RunStoppedError } from './run-errors.js';
import type { StateFileError } from './state-file-error.js';
import type { CacheStoreError, DatabaseError } from './storage-errors.js';
import type { StreamLaggedError } from './stream-errors.js';
import type { ApprovalRequiredError, ToolInDoubtError } from './tool-errors.js';
import type {
  BudgetExceededError,
  CircuitOpenError,
  LaneDownError,
  RateLimitedError,
} from './traffic-errors.js';

/**
 * Every class of error that this package throws or puts into a result, one for each {@link ErrorCode}. Comparing
 * `code` narrows the type: `error.code === 'TUTTI_TIMEOUT'` leaves a {@link TimeoutError}.
 */
export type AnyTuttiError =
  | InvalidArgumentError
  | UnknownAgentError
  | DuplicateAgentError
  | AgentFileError
  | JsonlFileError
  | ConfigError
  | ClosedError
  | CancelledError
  | TimeoutError
  | RetriesExhaustedError
  | CallNotRecordedError
  | QueueFullError
  | PoolError
  | AgentError
  | HookError
  | OutputError
  | ToolInDoubtError
  | ApprovalRequiredError
  | StreamConsumedError
  | StreamLaggedError
  | TaskSourceError
  | DatabaseError
  | CacheStoreError
  | StateFileError
  | ProviderRateLimitedError
  | ProviderOverloadedError
  | ProviderNetworkError
  | ProviderTimeoutError
  | ProviderAuthError
  | ProviderRequestError
  | ProviderResponseError
  | ProviderRefusalError
  | MissingPackageError
  | RateLimitedError
  | LaneDownError
  | CircuitOpenError
  | BudgetExceededError
  | RunChangedError
  | RunBusyError
  | RunJournalError
  | RunStoppedError;

import { AgentFileError } from './agent-file-error.js';
import type { AnyTuttiError } from './any-tutti-error.js';
import { CallNotRecordedError } from './call-not-recorded-error.js';
import type { ErrorCode } from './codes.js';
import { ConfigError } from './config-error.js';
import {
  AgentError,
  CancelledError,
  OutputError,
  RetriesExhaustedError,
  StreamConsumedError,
  TaskSourceError,
  TimeoutError,
} from './execution-errors.js';
import { HookError } from './hook-error.js';
import { ClosedError, DuplicateAgentError, InvalidArgumentError, UnknownAgentError } from './input-errors.js';
import { JsonlFileError } from './jsonl-file-error.js';
import { MissingPackageError } from './missing-package-error.js';
import { PoolError } from './pool-error.js';
import {
  ProviderAuthError,
  ProviderNetworkError,
  ProviderOverloadedError,
  ProviderRateLimitedError,
  ProviderRefusalError,
  ProviderRequestError,
  ProviderResponseError,
  ProviderTimeoutError,
} from './provider-errors.js';
import { QueueFullError } from './resilience-errors.js';
import { RunBusyError, RunChangedError, RunJournalError, RunStoppedError } from './run-errors.js';
import { StateFileError } from './state-file-error.js';
import { CacheStoreError, DatabaseError } from './storage-errors.js';
import { StreamLaggedError } from './stream-errors.js';
import { ApprovalRequiredError, ToolInDoubtError } from './tool-errors.js';
import { BudgetExceededError, CircuitOpenError, LaneDownError, RateLimitedError } from './traffic-errors.js';
import { TuttiError } from './tutti-error.js';

/** An error as plain data, for JSON. */
export interface StoredError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryable: boolean;
  readonly details: Readonly<Record<string, unknown>>;
  /** The fields that its class adds. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Of a {@link RetriesExhaustedError}, the error of each attempt. */
  readonly errors?: readonly StoredError[] | undefined;
}

// A record over the closed list of codes: a new code does not compile without its class here.
const CLASSES: {
  readonly [Code in ErrorCode]: abstract new (
    ...args: never[]
  ) => Extract<AnyTuttiError, { code: Code }>;
} = {
  TUTTI_INVALID_ARGUMENT: InvalidArgumentError,
  TUTTI_UNKNOWN_AGENT: UnknownAgentError,
  TUTTI_DUPLICATE_AGENT: DuplicateAgentError,
  TUTTI_AGENT_FILE: AgentFileError,
  TUTTI_JSONL_FILE: JsonlFileError,
  TUTTI_CONFIG: ConfigError,
  TUTTI_CLOSED: ClosedError,
  TUTTI_CANCELLED: CancelledError,
  TUTTI_TIMEOUT: TimeoutError,
  TUTTI_RETRIES_EXHAUSTED: RetriesExhaustedError,
  TUTTI_CALL_NOT_RECORDED: CallNotRecordedError,
  TUTTI_QUEUE_FULL: QueueFullError,
  TUTTI_POOL: PoolError,
  TUTTI_AGENT_FAILED: AgentError,
  TUTTI_HOOK: HookError,
  TUTTI_OUTPUT_INVALID: OutputError,
  TUTTI_TOOL_IN_DOUBT: ToolInDoubtError,
  TUTTI_APPROVAL_REQUIRED: ApprovalRequiredError,
  TUTTI_STREAM_CONSUMED: StreamConsumedError,
  TUTTI_STREAM_LAGGED: StreamLaggedError,
  TUTTI_TASK_SOURCE_FAILED: TaskSourceError,
  TUTTI_DATABASE: DatabaseError,
  TUTTI_CACHE_STORE: CacheStoreError,
  TUTTI_STATE_FILE: StateFileError,
  TUTTI_PROVIDER_RATE_LIMITED: ProviderRateLimitedError,
  TUTTI_PROVIDER_OVERLOADED: ProviderOverloadedError,
  TUTTI_PROVIDER_NETWORK: ProviderNetworkError,
  TUTTI_PROVIDER_TIMEOUT: ProviderTimeoutError,
  TUTTI_PROVIDER_AUTH: ProviderAuthError,
  TUTTI_PROVIDER_REQUEST: ProviderRequestError,
  TUTTI_PROVIDER_RESPONSE: ProviderResponseError,
  TUTTI_PROVIDER_REFUSAL: ProviderRefusalError,
  TUTTI_MISSING_PACKAGE: MissingPackageError,
  TUTTI_RATE_LIMITED: RateLimitedError,
  TUTTI_LANE_DOWN: LaneDownError,
  TUTTI_CIRCUIT_OPEN: CircuitOpenError,
  TUTTI_BUDGET_EXCEEDED: BudgetExceededError,
  TUTTI_RUN_CHANGED: RunChangedError,
  TUTTI_RUN_BUSY: RunBusyError,
  TUTTI_RUN_JOURNAL: RunJournalError,
  TUTTI_RUN_STOPPED: RunStoppedError,
};

/** An error as plain data: everything except `cause`, `stack` and values that are not JSON. */
export function storeError(error: TuttiError): StoredError {
  const { code, message, retryable, details, ...fields } = error;
  const { errors, ...plain } = fields as { errors?: readonly TuttiError[] };
  const stored = { code, message, retryable, details: toPlain(details), fields: toPlain(plain) };
  return Array.isArray(errors) ? { ...stored, errors: errors.map(storeError) } : stored;
}

/**
 * Recreates a stored error: of the class that its code belongs to, with its message, flag, details and fields. Only a
 * {@link RetriesExhaustedError} has a `cause`, the last of its `errors`.
 */
export function reviveError({
  code,
  message,
  retryable,
  details,
  fields,
  errors,
}: StoredError): AnyTuttiError {
  const revived = errors?.map(reviveError);
  const options =
    revived === undefined ? { retryable, details } : { retryable, details, cause: revived.at(-1) };
  // The base constructor with the class's prototype: the constructors of the classes take what the message was built
  // from. A code of a newer version, unknown here, becomes a plain TuttiError.
  const kind = Object.hasOwn(CLASSES, code) ? CLASSES[code] : TuttiError;
  const error: TuttiError = Reflect.construct(TuttiError, [code, message, options], kind);
  return Object.assign(
    error as AnyTuttiError,
    fields,
    revived === undefined ? undefined : { errors: revived },
  );
}

function toPlain(record: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const plain: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(record)) {
    try {
      const text = JSON.stringify(value);
      if (text !== undefined) plain[key] = JSON.parse(text);
    } catch {
      // A circular value or a BigInt: left out, since the message has the essential facts.
    }
  }
  return plain;
}

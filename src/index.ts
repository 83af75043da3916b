export type {
  AgentInput,
  AgentRegistry,
  AgentsInput,
  NoFunction,
  RegistryObserver,
} from './agents/agent-registry.js';
export { type DefinedData, defineAgent } from './agents/define-agent.js';
export { ResponseCache } from './cache/response-cache.js';
export type { AgentStream } from './calls/agent-stream.js';
export type { EndedBecause } from './calls/ended-because.js';
export type { AgentStats, OrchestratorStats } from './calls/stats.js';
export type {
  AgentContext,
  AgentDefinition,
  AgentFunction,
  PhaseTimeouts,
  ReplyData,
} from './contracts/agent.js';
export type { ApprovalAnswer, ApprovalRequest, OnApproval } from './contracts/approval.js';
export type {
  CacheEntryEvent,
  CacheErrorEvent,
  CacheEvent,
  CacheEventName,
  CacheEvents,
  CacheEvictEvent,
  CacheHitEvent,
  CacheRejectEvent,
  CacheRevalidateErrorEvent,
  CacheSkipEvent,
  CacheWriteEvent,
  HitTier,
  NotStored,
} from './contracts/cache-events.js';
export type { CacheStorage } from './contracts/cache-storage.js';
export type {
  CallFunction,
  CallOptions,
  FunctionCallOptions,
  RunOptions,
  RunProgress,
  RunWaiting,
  TaskInput,
  TaskObject,
  TaskSource,
} from './contracts/call.js';
export type { CallLedger } from './contracts/call-ledger.js';
export {
  type CallEvent,
  EVENT_NAMES,
  type LaneEvent,
  type ToolEvent,
  type TuttiEventName,
  type TuttiEvents,
} from './contracts/events.js';
export type {
  CacheExplanation,
  CallExplanation,
  CallTimes,
  ExplainedAttempt,
  ExplainOptions,
  MissReason,
} from './contracts/explanation.js';
export type { AgentForecast, Estimate, Forecast, ForecastBound } from './contracts/forecast.js';
export type { AfterReturn, BeforeReturn, HookRequest, Hooks, ReplacedRequest } from './contracts/hooks.js';
export type { OutputSchema, OutputSchemaError, OutputSchemaResult } from './contracts/output-schema.js';
export type {
  AcceptedContent,
  Provider,
  ProviderAccount,
  ProviderRequest,
  RejectedReply,
  StreamActivity,
} from './contracts/provider.js';
export type {
  LimitedQuantity,
  ProviderResponseInfo,
  RateLimits,
  RateLimitWindow,
} from './contracts/rate-limits.js';
export type { AgentReply, AgentReplyObject, AgentStreamReply, StreamSummary } from './contracts/reply.js';
export type {
  AgentFailure,
  AgentResult,
  CacheSource,
  CallOutcome,
  DataResult,
  IndexedOutcome,
  TextResult,
  Timings,
} from './contracts/result.js';
export type { StreamEvent } from './contracts/stream-event.js';
export type {
  AgentTaskInput,
  ContentFile,
  ContentPart,
  FileInput,
  FileKind,
  FilePart,
  ImageSize,
  LoadedFilePart,
  LoadedMessage,
  LoadedPart,
  Message,
  NamedToolResult,
  TaskContent,
  TaskParts,
  TextPart,
  ToolCallPart,
  ToolResultPart,
} from './contracts/task-content.js';
export type { ApprovalRule, Tool, ToolCallRecord, ToolContext, ToolSet, ToolStep } from './contracts/tool.js';
export type { RunningTool, ToolHost } from './contracts/tool-host.js';
export type {
  BreakerSettings,
  BudgetSettings,
  FairnessSettings,
  HedgeSettings,
  LaneLimits,
  TenantLimits,
  TenantSettings,
} from './contracts/traffic.js';
export type { FinishReason, Usage } from './contracts/usage.js';
export { VERSION } from './contracts/version.js';
export type { AnyTuttiError } from './errors/any-tutti-error.js';
export { CallNotRecordedError } from './errors/call-not-recorded-error.js';
export { ERROR_CODES, type ErrorCode } from './errors/codes.js';
export {
  AgentError,
  type AgentErrorOptions,
  type CallIdentity,
  CancelledError,
  OutputError,
  RetriesExhaustedError,
  StreamConsumedError,
  TaskSourceError,
  TimeoutError,
  type TimeoutScope,
} from './errors/execution-errors.js';
export { HookError } from './errors/hook-error.js';
export { httpStatusOf } from './errors/http-status-of.js';
export {
  ClosedError,
  DuplicateAgentError,
  InvalidArgumentError,
  UnknownAgentError,
} from './errors/input-errors.js';
export { MissingPackageError } from './errors/missing-package-error.js';
export {
  ProviderAuthError,
  ProviderError,
  type ProviderErrorCode,
  type ProviderErrorOptions,
  ProviderNetworkError,
  ProviderOverloadedError,
  ProviderRateLimitedError,
  ProviderRefusalError,
  ProviderRequestError,
  ProviderResponseError,
  ProviderTimeoutError,
} from './errors/provider-errors.js';
export { QueueFullError } from './errors/resilience-errors.js';
export {
  RunBusyError,
  RunChangedError,
  type RunDifference,
  RunJournalError,
  type RunJournalProblem,
  type RunStop,
  RunStoppedError,
} from './errors/run-errors.js';
export {
  type CacheOperation,
  CacheStoreError,
  DatabaseError,
  type DatabaseProblem,
} from './errors/storage-errors.js';
export { StreamLaggedError } from './errors/stream-errors.js';
export { ApprovalRequiredError, type ToolCallIdentity, ToolInDoubtError } from './errors/tool-errors.js';
export {
  BudgetExceededError,
  type BudgetRefusal,
  type BudgetScope,
  type BudgetUnit,
  CircuitOpenError,
  LaneDownError,
  RateLimitedError,
  type RateLimitedReason,
} from './errors/traffic-errors.js';
export { TuttiError, type TuttiErrorOptions } from './errors/tutti-error.js';
export type { Unsubscribe } from './events/typed-emitter.js';
export type { Logger, LogMethod } from './logging/logger.js';
export { AsyncOrchestrator, type CloseOptions, type TaskOf } from './orchestrator/async-orchestrator.js';
export type {
  AnyAgents,
  AnyName,
  AnyTasks,
  CheckedName,
  CheckedOptions,
  CheckedTasks,
  DataOf,
  KnownName,
  OutcomeOf,
  OutcomesOf,
  ResultOf,
  TaskIn,
} from './orchestrator/inferred-types.js';
export type { AsyncOrchestratorOptions, RetryOptions } from './orchestrator/options.js';
export type { BudgetAccount, BudgetStats } from './resilience/budget/budget.js';
export type { AdaptiveConcurrencyStats } from './resilience/lane/adaptive-concurrency.js';
export type { LaneStats, LaneWait, LaneWaitReason } from './resilience/lane/lane-options.js';
export type { LimitStats, RateLimiterStats } from './resilience/rate-limit/rate-limiter-stats.js';
export type { Jitter } from './resilience/retry/backoff.js';
export type { Clock, TimerHandle } from './time/clock.js';

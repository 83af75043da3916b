export {
  type ModelScript,
  type ModelServer,
  type ModelServerOptions,
  type RecordedRequest,
  type ServerConnections,
  startModelServer,
} from './model-server/model-server.js';
export type { BilledInput, PromptCacheOptions } from './model-server/prompt-cache.js';
export type {
  ModelApi,
  ModelFault,
  ScriptedAnswer,
  ScriptedToolCall,
  ScriptedUsage,
} from './model-server/scripted-answer.js';
export { provideCode } from './provide-code.js';

export {
  type ModelScript,
  type ModelServer,
  type RecordedRequest,
  type ServerConnections,
  startModelServer,
} from './model-server/model-server.js';
export type {
  ModelApi,
  ModelFault,
  ScriptedAnswer,
  ScriptedToolCall,
  ScriptedUsage,
} from './model-server/scripted-answer.js';
export { provideCode } from './provide-code.js';

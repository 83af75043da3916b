export { AgentFileError } from '../errors/agent-file-error.js';
export type { AgentFile, AgentFileSettings } from './agent-file-schema.js';
export {
  type AgentTarget,
  type FileAgentOptions,
  type LoadAgentsOptions,
  type LoadedAgents,
  loadAgents,
} from './directory-loader.js';
export type { AgentChange } from './live-folder.js';

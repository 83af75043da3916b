export { AgentFileError } from '../errors/agent-file-error.js';
export type { AgentFile, AgentFileSettings } from './agent-file-schema.js';
export {
  type FileAgentOptions,
  type LoadAgentsOptions,
  type LoadedAgents,
  loadAgents,
} from './directory-loader.js';
export type { AgentChange, AgentTarget } from './live-folder.js';

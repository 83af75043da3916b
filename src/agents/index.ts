export { AgentFileError } from '../errors/agent-file-error.js';
export type { AgentFile, AgentFileSettings } from './agent-file-schema.js';
export type { FileTools } from './agent-tools.js';
export { type LoadedAgents, loadAgents } from './directory-loader.js';
export type { AgentChange, AgentTarget } from './live-folder.js';
export type { FileAgentOptions, LoadAgentsOptions } from './load-agents-options.js';
export { MODEL_ALIASES, MODEL_ALIASES_AS_OF, type ModelMap } from './model-aliases.js';

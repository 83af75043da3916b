import type { ToolSet } from '../contracts/tool.js';
import type { AgentFile } from './agent-file-schema.js';
import { chooseTools } from './agent-tools.js';
import { withRemarks } from './file-provider.js';
import type { FileAgentOptions, LoadAgentsOptions } from './load-agents-options.js';
import type { MakeAgent } from './load-folder.js';
import type { MissingTools } from './missing-tools.js';
import { resolveModel } from './model-aliases.js';

/** Creates agents from files: resolves the model and the tools, and calls the provider function. */
export function agentMaker(options: LoadAgentsOptions, missingTools: MissingTools): MakeAgent {
  const { provider, model: defaultModel, tools: available = {} } = options;
  const models = { ...(defaultModel === undefined ? {} : { default: defaultModel }), ...options.models };
  return (file) => {
    const resolved = file.model === undefined ? undefined : resolveModel(file.model, models);
    const { tools, missing } = available === false ? NO_TOOLS : chooseTools(file, available);
    missingTools.add(file.name, missing);
    const definition = provider(toOptions(file, resolved?.model ?? defaultModel, tools), file);
    return withRemarks(definition, {
      unmappedModel: resolved?.isMapped === false ? file.model : undefined,
      log: missing.length === 0 ? undefined : (logger) => missingTools.report(logger),
    });
  };
}

const NO_TOOLS = { tools: {}, missing: [] };

function toOptions(file: AgentFile, model: string | undefined, tools: ToolSet): FileAgentOptions {
  const { name, description, instructions, params, settings } = file;
  const options = {
    ...settings,
    name,
    ...(description === undefined ? {} : { description }),
    ...(model === undefined ? {} : { model }),
    ...(instructions === undefined ? {} : { instructions }),
    ...(Object.keys(tools).length === 0 ? {} : { tools }),
    params,
  };
  return options as FileAgentOptions;
}

import { type AgentFile, toAgentFile } from './agent-file-schema.js';
import { splitFrontMatter } from './front-matter.js';
import { readYaml } from './yaml-source.js';

/**
 * Reads an agent from the text of a Markdown file: front matter and a body, which is the system prompt. Returns
 * `undefined` for a page without front matter, which describes the folder or something else.
 *
 * @throws {@link AgentFileError} with the file and the line.
 */
export function readMarkdownAgents(text: string, file: string): readonly AgentFile[] | undefined {
  const parts = splitFrontMatter(text, file);
  if (parts === undefined) return undefined;
  const agent = toAgentFile(readYaml(parts.yaml, file, parts.yamlLine), file, parts.body);
  return agent === undefined ? [] : [agent];
}

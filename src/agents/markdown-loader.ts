import { AgentFileError } from '../errors/agent-file-error.js';
import { type AgentFile, toAgentFile } from './agent-file-schema.js';
import { splitFrontMatter } from './front-matter.js';
import { readYaml } from './yaml-source.js';

/** Describes the folder; not an agent. */
const README = /(^|[\\/])readme\.md$/i;

/**
 * Reads an agent from the text of a Markdown file: front matter and a body, which is the system prompt. Returns
 * `undefined` for a README without front matter.
 *
 * @throws {@link AgentFileError} with the file and the line.
 */
export function readMarkdownAgent(text: string, file: string): AgentFile | undefined {
  const parts = splitFrontMatter(text, file);
  if (parts === undefined) {
    if (README.test(file)) return undefined;
    throw new AgentFileError(
      file,
      1,
      'expected front matter: a line "---", fields such as name and description, and a line "---".',
    );
  }
  return toAgentFile(readYaml(parts.yaml, file, parts.yamlLine), file, parts.body);
}

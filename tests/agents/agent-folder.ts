import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type AgentFile, type LoadAgentsOptions, loadAgents } from '../../src/agents/index.js';
import type { AgentFileError } from '../../src/errors/agent-file-error.js';

/** A folder of agent files that is removed at the end. */
export async function agentFolder() {
  const path = await mkdtemp(join(tmpdir(), 'tutti-agents-'));
  return {
    path,
    put: async (file: string, text: string): Promise<void> => {
      await mkdir(dirname(join(path, file)), { recursive: true });
      await writeFile(join(path, file), text);
    },
    remove: () => rm(path, { recursive: true, force: true }),
  };
}

/** A Markdown file with these fields. */
export const md = (fields: string, body = 'Do it well.') => `---\n${fields}\n---\n\n${body}\n`;

/** Loads folders with a provider that keeps what it was given, and collects the problems. */
export async function collect(
  directory: string | readonly string[],
  options: Partial<LoadAgentsOptions> = {},
) {
  const files: AgentFile[] = [];
  const problems: AgentFileError[] = [];
  const agents = await loadAgents(directory, {
    provider: ({ name, model, instructions, params }, file) => {
      files.push(file);
      return { name, run: () => '', params, model, instructions };
    },
    onError: (problem) => void problems.push(problem),
    ...options,
  });
  return { agents, files, problems };
}

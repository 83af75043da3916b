import type { Tool, ToolSet } from '../contracts/tool.js';
import type { AgentFile } from './agent-file-schema.js';

/**
 * The tools behind the names in agent files: tools by name, or a function that finds one. `false` if the provider
 * function takes care of the names itself.
 */
export type FileTools = ToolSet | ((name: string, file: AgentFile) => Tool | undefined) | false;

/** The tools of one file. */
export interface ChosenTools {
  readonly tools: ToolSet;
  /** The names, as they are in the file, behind which there is no tool. */
  readonly missing: readonly string[];
}

/**
 * The tools that a file may use. A file without `tools`, or with `*`, gets all that there are. Names match whatever their case,
 * and `*` in a name matches any text. A name with a restriction, such as `Bash(git log:*)`, has no tool in a set, since
 * the tool would not know of the restriction; a function is asked for it.
 */
export function chooseTools(file: AgentFile, available: Exclude<FileTools, false>): ChosenTools {
  return typeof available === 'function' ? askForTools(file, available) : selectTools(file, available);
}

function askForTools(
  file: AgentFile,
  find: (name: string, file: AgentFile) => Tool | undefined,
): ChosenTools {
  const tools: Record<string, Tool> = {};
  const missing: string[] = [];
  for (const name of file.tools ?? []) {
    const tool = find(name, file);
    if (tool !== undefined) tools[withoutRestriction(name)] = tool;
    else if (name !== '*') missing.push(name);
  }
  for (const name of file.disallowedTools ?? []) delete tools[withoutRestriction(name)];
  return { tools, missing };
}

function selectTools(file: AgentFile, available: ToolSet): ChosenTools {
  const names = Object.keys(available);
  const chosen = new Set<string>();
  const missing: string[] = [];
  for (const wanted of file.tools ?? ['*']) {
    const found = names.filter((name) => matches(name, wanted));
    for (const name of found) chosen.add(name);
    if (found.length === 0 && wanted !== '*') missing.push(wanted);
  }
  // What forbids one use of a tool forbids all of them, since the tool would not know which.
  const refused = (file.disallowedTools ?? []).map(withoutRestriction);
  const allowed = [...chosen].filter((name) => !refused.some((pattern) => matches(name, pattern)));
  return { tools: Object.fromEntries(allowed.map((name) => [name, available[name] as Tool])), missing };
}

function withoutRestriction(name: string): string {
  return name.replace(/\(.*\)$/s, '').trim();
}

function matches(name: string, pattern: string): boolean {
  if (!pattern.includes('*') || pattern.includes('(')) return name.toLowerCase() === pattern.toLowerCase();
  const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 'i').test(name);
}

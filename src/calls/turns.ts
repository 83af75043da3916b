import type { PreparedContent } from '../content/prepared-content.js';
import type { AgentDefinition } from '../contracts/agent.js';
import type { AgentResult } from '../contracts/result.js';
import type { ContentPart, Message } from '../contracts/task-content.js';
import type { ToolStep } from '../contracts/tool.js';

/**
 * Whether the result of a call has its turns. A function that was asked with a string leaves its caller nothing to
 * assemble, and is the fastest call.
 */
export function hasTurns(task: string | PreparedContent, { provider }: AgentDefinition): boolean {
  return typeof task !== 'string' || provider !== undefined;
}

/** The turns that a call has added to its conversation: what was asked, what tools were called with, the answer. */
export function turnsOf(task: string | PreparedContent, { output, steps = [] }: AgentResult): Message[] {
  const asked: Message = typeof task === 'string' ? { role: 'user', content: task } : task.lastMessage;
  const turns = [asked, ...steps.flatMap(turnsOfStep)];
  // Providers reject empty turns.
  if (output !== '') turns.push({ role: 'assistant', content: output });
  return turns;
}

/** A step whose tools did not run is no turn: providers reject calls without results. */
function turnsOfStep({ text, toolCalls }: ToolStep): Message[] {
  const answered = toolCalls.filter(({ output }) => output !== undefined);
  if (answered.length === 0) return [];
  const calls: ContentPart[] = answered.map(({ id, name, input }) => ({
    type: 'tool-call',
    id,
    name,
    input,
  }));
  const results: ContentPart[] = answered.map(({ id, output = '', isError }) => ({
    type: 'tool-result',
    id,
    output,
    ...(isError === true ? { isError } : {}),
  }));
  return [
    { role: 'assistant', content: text === '' ? calls : [{ type: 'text', text }, ...calls] },
    { role: 'user', content: results },
  ];
}

import type { LoadedMessage, LoadedPart } from '../../contracts/task-content.js';
import type { ModelMessage, ModelToolResult, UserPart } from './model-step.js';

/** The turns of a conversation in the form that is common to all providers. */
export function conversationTurns(messages: readonly LoadedMessage[]): ModelMessage[] {
  return messages.flatMap(({ role, content }): ModelMessage[] => {
    if (role === 'assistant') return [assistantTurn(content)];
    return typeof content === 'string' ? [{ role: 'user', text: content }] : userTurns(content);
  });
}

function assistantTurn(content: LoadedMessage['content']): ModelMessage {
  if (typeof content === 'string') return { role: 'assistant', text: content, toolCalls: [] };
  return {
    role: 'assistant',
    text: content.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join(''),
    toolCalls: content.flatMap((part) => (part.type === 'tool-call' ? [part] : [])),
  };
}

/** Results of tools are a turn of their own, before what else the user says. */
function userTurns(parts: readonly LoadedPart[]): ModelMessage[] {
  const results: ModelToolResult[] = [];
  const said: UserPart[] = [];
  for (const part of parts) {
    if (part.type === 'text' || part.type === 'file') said.push(part);
    else if (part.type === 'tool-result') {
      const { id, name, output, isError = false } = part;
      results.push({ id, name, output, isError });
    }
  }
  return [
    ...(results.length === 0 ? [] : [{ role: 'tool', results } as const]),
    ...(said.length === 0 ? [] : [{ role: 'user', parts: said } as const]),
  ];
}

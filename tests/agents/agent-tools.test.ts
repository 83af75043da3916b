import { describe, expect, test } from '@jest/globals';
import * as z from 'zod';
import type { AgentFile } from '../../src/agents/agent-file-schema.js';
import { chooseTools } from '../../src/agents/agent-tools.js';
import type { Tool } from '../../src/contracts/tool.js';

const tool = (description: string): Tool => ({ description, input: z.unknown(), run: () => '' });
const available = {
  Read: tool('reads'),
  Bash: tool('runs'),
  mcp__git__log: tool('logs'),
  mcp__git__show: tool('shows'),
};

function choose(fields: Pick<Partial<AgentFile>, 'tools' | 'disallowedTools'>) {
  const file = { file: 'a.md', name: 'a', params: {}, settings: {}, metadata: {}, ...fields };
  const { tools, missing } = chooseTools(file, available);
  return [Object.keys(tools).join(), missing.join()];
}

describe('chooseTools', () => {
  test.each([
    ['without a field, all', {}, ['Read,Bash,mcp__git__log,mcp__git__show', '']],
    ['with *, all', { tools: ['*'] }, ['Read,Bash,mcp__git__log,mcp__git__show', '']],
    ['with an empty list, none', { tools: [] }, ['', '']],
    ['by name, in any case', { tools: ['read', 'BASH'] }, ['Read,Bash', '']],
    ['by pattern', { tools: ['mcp__git__*'] }, ['mcp__git__log,mcp__git__show', '']],
    ['of those that are there', { tools: ['Grep', 'Read', 'mcp__x__*'] }, ['Read', 'Grep,mcp__x__*']],
    ['not one whose restriction it does not know', { tools: ['Bash(git log:*)'] }, ['', 'Bash(git log:*)']],
    ['but those that are refused', { tools: ['*'], disallowedTools: ['Bash(rm:*)', 'mcp__*'] }, ['Read', '']],
  ])('gives %s', (_what, fields, expected) => {
    expect(choose(fields)).toEqual(expected);
  });

  test('asks a function for the name as it is in the file', () => {
    const file: AgentFile = {
      file: 'a.md',
      name: 'a',
      params: {},
      settings: {},
      metadata: {},
      tools: ['Bash(git log:*)', 'Read', 'Grep'],
      disallowedTools: ['Read'],
    };
    const asked: string[] = [];
    const { tools, missing } = chooseTools(file, (name, { name: agent }) => {
      asked.push(`${agent}: ${name}`);
      return name === 'Grep' ? undefined : tool(name);
    });
    expect(asked).toEqual(['a: Bash(git log:*)', 'a: Read', 'a: Grep']);
    expect(tools).toEqual({ Bash: expect.objectContaining({ description: 'Bash(git log:*)' }) });
    expect(missing).toEqual(['Grep']);
  });
});

import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import type { RejectedReply } from '../../src/contracts/provider.js';
import type { AgentReplyObject } from '../../src/contracts/reply.js';
import { repairMessage, repairOutput } from '../../src/output/repair-output.js';

const schema = z.object({ x: z.number() });
const step = (text: string) => ({ text, toolCalls: [], usage: {}, finishReason: 'stop' as const });

/** Answers one after the other, and keeps what it was asked. */
function script(...replies: AgentReplyObject[]) {
  const asked: Array<readonly RejectedReply[]> = [];
  const ask = async (rejected: readonly RejectedReply[]) => {
    asked.push(rejected);
    return replies[asked.length - 1] as AgentReplyObject;
  };
  return { ask, asked };
}

const signal = new AbortController().signal;

describe('repairOutput', () => {
  test('asks once when the answer fits', async () => {
    const { ask, asked } = script({ output: '{"x":1}' });
    const { reply, parsed } = await repairOutput(ask, { schema, repairs: 2, signal });
    expect(parsed).toEqual({ success: true, data: { x: 1 } });
    expect(reply).toEqual({ output: '{"x":1}' });
    expect(asked).toEqual([[]]);
  });

  test('sends answers back with what is wrong, and adds up what all of them cost', async () => {
    const { ask, asked } = script(
      { output: 'no', usage: { inputTokens: 1, outputTokens: 2 }, costUsd: 0.25, steps: [step('no')] },
      {
        output: '{"x":"1"}',
        usage: { inputTokens: 10 },
        costUsd: 0.5,
        finishReason: 'stop',
        steps: [step('x')],
      },
      { output: '{"x":1}', usage: { inputTokens: 100, cacheReadTokens: 7 }, costUsd: 1, model: 'm' },
    );
    const { reply, parsed } = await repairOutput(ask, { schema, repairs: 2, signal });
    expect(parsed).toEqual({ success: true, data: { x: 1 } });
    expect(reply).toEqual({
      output: '{"x":1}',
      model: 'm',
      usage: { inputTokens: 111, outputTokens: 2, cacheReadTokens: 7 },
      costUsd: 1.75,
      steps: [step('no'), step('x')],
    });
    expect(asked.map((rejected) => rejected.map(({ output }) => output))).toEqual([
      [],
      ['no'],
      ['no', '{"x":"1"}'],
    ]);
    expect(asked[2]?.[1]?.problem).toContain('x: ');
  });

  test('gives the last problem when the repairs are used up', async () => {
    const { ask, asked } = script({ output: 'no' }, { output: '{}' });
    const { reply, parsed } = await repairOutput(ask, { schema, repairs: 1, signal });
    expect(parsed).toMatchObject({ success: false, path: 'x' });
    expect(reply.output).toBe('{}');
    expect(asked).toHaveLength(2);
  });

  test.each(['length', 'refusal', 'content-filter', 'tool-calls'] as const)(
    'does not send back an answer that ended with %s',
    async (finishReason) => {
      const { ask, asked } = script({ output: '{"x":', finishReason });
      const { parsed } = await repairOutput(ask, { schema, repairs: 3, signal });
      expect(parsed.success).toBe(false);
      expect(asked).toHaveLength(1);
    },
  );

  test('does not know a cost of which it knows only a part', async () => {
    const { ask } = script({ output: 'no', costUsd: 1 }, { output: '{"x":1}' });
    const { reply } = await repairOutput(ask, { schema, repairs: 1, signal });
    expect(reply).not.toHaveProperty('costUsd');
  });

  test('sends nothing back after an abort, and rejects with the reason', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    let asked = 0;
    const ask = async () => {
      asked += 1;
      controller.abort(reason);
      return { output: 'no' };
    };
    await expect(repairOutput(ask, { schema, repairs: 3, signal: controller.signal })).rejects.toBe(reason);
    expect(asked).toBe(1);
  });

  test('passes on what the agent throws', async () => {
    const error = new Error('down');
    const ask = () => Promise.reject(error);
    await expect(repairOutput(ask, { schema, repairs: 3, signal })).rejects.toBe(error);
  });
});

describe('repairMessage', () => {
  test('tells the problem', () => {
    expect(repairMessage({ output: 'x', problem: 'it is no JSON' })).toContain('it is no JSON');
  });
});

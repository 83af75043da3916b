import { describe, expect, test } from '@jest/globals';
import { type AgentFunction, AsyncOrchestrator, defineAgent, type Provider } from '../../../src/index.js';
import { deferred } from '../../behaviour/scripted-agents.js';
import { textOf, withEvents } from '../streams.js';

describe('a provider', () => {
  function provider(stream: boolean, seen: unknown[]): Provider {
    return {
      specificationVersion: 1,
      name: 'scripted',
      generate: async (request) => {
        seen.push(['generate', request]);
        return { output: `generated ${request.task}` };
      },
      ...(stream
        ? {
            stream: async function* (request) {
              seen.push(['stream', request]);
              yield { type: 'text-delta', text: `streamed ${request.task}` } as const;
              yield { type: 'finish', finishReason: 'stop' } as const;
            },
          }
        : undefined),
    };
  }

  test('answers execute with generate and stream with stream, and gets all there is to know', async () => {
    const seen: Array<[string, Record<string, unknown>]> = [];
    const orchestrator = new AsyncOrchestrator({
      agents: [
        defineAgent({
          name: 'model',
          provider: provider(true, seen),
          model: 'm-1',
          instructions: 'be brief',
          params: { temperature: 0 },
        }),
      ],
    });
    expect((await orchestrator.execute('model', 'a')).output).toBe('generated a');
    const stream = orchestrator.stream('model', 'b');
    expect((await stream.result).output).toBe('streamed b');
    expect(seen.map(([method]) => method)).toEqual(['generate', 'stream']);
    expect(seen[1]?.[1]).toMatchObject({
      agent: 'model',
      callId: stream.callId,
      attempt: 1,
      task: 'b',
      model: 'm-1',
      instructions: 'be brief',
      params: { temperature: 0 },
      output: undefined,
    });
    expect(seen[1]?.[1].signal).toMatchObject({ aborted: false });
  });

  test('without a stream method gives its one answer as a stream', async () => {
    const orchestrator = new AsyncOrchestrator({
      agents: { model: defineAgent({ name: 'x', provider: provider(false, []) }) },
    });
    expect(await textOf(orchestrator.stream('model', 'c').text)).toBe('generated c');
  });
});

describe('an agent that answers later with a stream', () => {
  test('streams it', async () => {
    const gate = deferred();
    const orchestrator = new AsyncOrchestrator({
      agents: {
        late: (async () => {
          await gate.promise;
          return withEvents('', {} as never);
        }) as unknown as AgentFunction,
      },
    });
    const text = textOf(orchestrator.stream('late', 't').text);
    gate.resolve();
    expect(await text).toBe('Hello, world');
  });
});

import type { LanguageModelV3 } from '@ai-sdk/provider';
import { describe, test } from '@jest/globals';
import { expectTypeOf } from 'expect-type';
import { z } from 'zod';
import type { AgentDefinition } from '../../src/contracts/agent.js';
import type { AiSdkModel } from '../../src/providers/ai-sdk/language-model.js';
import { anthropic } from '../../src/providers/anthropic/anthropic.js';
import { openai } from '../../src/providers/openai/openai.js';

describe('the types of model providers', () => {
  test('carry the output schema into the definition', () => {
    const agent = anthropic({ model: 'm', output: z.object({ age: z.number() }) });
    expectTypeOf(agent).toEqualTypeOf<AgentDefinition<string, { age: number }>>();
    expectTypeOf(openai({ model: 'm' })).toEqualTypeOf<AgentDefinition<string, undefined>>();
  });

  test("give a tool's input to its function", () => {
    openai({
      model: 'm',
      tools: {
        add: {
          input: z.object({ left: z.number() }),
          run: (input) => expectTypeOf(input).toEqualTypeOf<{ left: number }>(),
        },
      },
    });
  });

  test('take language model objects as the AI SDK types them', () => {
    expectTypeOf<LanguageModelV3>().toExtend<AiSdkModel>();
  });
});

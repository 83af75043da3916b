// Talks to the real services. Runs with `npm run test:live`, and only for the keys that are set.
import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import type { AgentResult } from '../../src/contracts/result.js';
import { AsyncOrchestrator } from '../../src/orchestrator/async-orchestrator.js';
import { anthropic } from '../../src/providers/anthropic/anthropic.js';
import { openai } from '../../src/providers/openai/openai.js';

const { ANTHROPIC_API_KEY, ANTHROPIC_MODEL, OPENAI_API_KEY, OPENAI_BASE_URL, OPENAI_MODEL } = process.env;
const settings = { instructions: 'Answer with one word.', maxTokens: 200 };
const output = z.object({ capital: z.string() });

const services = [
  {
    name: 'anthropic',
    isSet: Boolean(ANTHROPIC_API_KEY),
    make: (more: object) => anthropic({ model: ANTHROPIC_MODEL ?? 'claude-haiku-4-5', ...settings, ...more }),
  },
  {
    name: 'openai chat',
    isSet: Boolean(OPENAI_API_KEY),
    make: (more: object) => openai({ model: OPENAI_MODEL ?? 'gpt-4.1-mini', ...settings, ...more }),
  },
  {
    name: 'openai responses',
    isSet: Boolean(OPENAI_API_KEY) && !OPENAI_BASE_URL,
    make: (more: object) =>
      openai({ model: OPENAI_MODEL ?? 'gpt-4.1-mini', api: 'responses', ...settings, ...more }),
  },
];

describe.each(services)('$name', ({ isSet, make }) => {
  const live = isSet ? test : test.skip;

  live(
    'answers, streams and types its output',
    async () => {
      await using orchestrator = new AsyncOrchestrator({
        agents: { plain: make({}), typed: make({ output }) },
      });
      const result = await orchestrator.execute('plain', 'What is the capital of Norway?');
      expect(result.output).toMatch(/oslo/i);
      expect(result.usage.totalTokens).toBeGreaterThan(0);
      let text = '';
      for await (const piece of orchestrator.stream('plain', 'What is the capital of France?').text)
        text += piece;
      expect(text).toMatch(/paris/i);
      const typed = await orchestrator.execute('typed', 'What is the capital of Italy?');
      expect((typed as AgentResult).data).toMatchObject({ capital: expect.stringMatching(/rome|roma/i) });
    },
    60_000,
  );
});

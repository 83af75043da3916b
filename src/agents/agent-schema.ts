import { z } from 'zod';
import type { AgentDefinition, AgentFunction } from '../contracts/agent.js';
import type { OutputSchema } from '../contracts/output-schema.js';
import type { Provider } from '../contracts/provider.js';
import { count, durationMs } from '../input/number-schemas.js';

const isFunction = (value: unknown): boolean => typeof value === 'function';

const hasMethod =
  (...names: string[]) =>
  (value: unknown): boolean =>
    typeof value === 'object' &&
    value !== null &&
    names.every((name) => isFunction((value as Record<string, unknown>)[name]));

/** Limits on single phases of a call. */
export const phaseTimeoutsSchema = z.strictObject({
  queueMs: durationMs().optional(),
  firstTokenMs: durationMs().optional(),
  idleMs: durationMs().optional(),
});

/** Every setting of an agent definition. */
export const agentDefinitionSchema = z
  .strictObject({
    name: z.string('expected a string'),
    description: z.string('expected a string').optional(),
    run: z.custom<AgentFunction>(isFunction, 'expected a function (task, context) => answer').optional(),
    provider: z
      .custom<Provider>(hasMethod('generate'), 'expected a provider with a generate() method')
      .optional(),
    model: z.string('expected a string').min(1, 'expected a model name').optional(),
    instructions: z.string('expected a string').optional(),
    params: z.record(z.string(), z.unknown(), 'expected an object').optional(),
    output: z.custom<OutputSchema>(hasMethod('safeParse'), 'expected a zod schema').optional(),
    timeoutMs: durationMs().optional(),
    timeouts: phaseTimeoutsSchema.optional(),
    deadlineMs: durationMs().optional(),
    maxRetries: count(0).optional(),
    maxConcurrent: count(1).optional(),
    version: z.string('expected a string').optional(),
  })
  .refine((definition) => (definition.run === undefined) !== (definition.provider === undefined), {
    path: ['run'],
    message: 'expected either `run` (a function) or `provider`, one of the two',
  }) satisfies z.ZodType<AgentDefinition>;

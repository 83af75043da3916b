import { z } from 'zod';
import type { AgentDefinition, AgentFunction } from '../contracts/agent.js';
import type { OutputSchema } from '../contracts/output-schema.js';
import type { Provider } from '../contracts/provider.js';
import { hasMethods } from '../input/has-methods.js';
import { madeOnce } from '../input/made-once.js';
import { count, durationMs } from '../input/number-schemas.js';
import { budgetSchema, hedgeSchema } from '../resilience/traffic-options.js';

const isFunction = (value: unknown): boolean => typeof value === 'function';

/** Limits on single phases of a call. */
export const phaseTimeoutsSchema = madeOnce(() =>
  z.strictObject({
    queueMs: durationMs().optional(),
    firstTokenMs: durationMs().optional(),
    idleMs: durationMs().optional(),
  }),
);

/** How answers are stored. */
const cacheStorageSchema = madeOnce(() =>
  z.strictObject({
    ttlMs: z.number('expected milliseconds above 0').positive('expected milliseconds above 0').optional(),
    tags: z.array(z.string('expected a label').min(1).max(256)).max(64).optional(),
    replay: z.enum(['instant', 'paced'], 'expected "instant" or "paced"').optional(),
  }),
);

/** Every setting of an agent definition. */
export const agentDefinitionSchema = madeOnce(
  () =>
    z
      .strictObject({
        name: z.string('expected a string'),
        description: z.string('expected a string').optional(),
        run: z.custom<AgentFunction>(isFunction, 'expected a function (task, context) => answer').optional(),
        provider: z
          .custom<Provider>(hasMethods('generate'), 'expected a provider with a generate() method')
          .optional(),
        model: z.string('expected a string').min(1, 'expected a model name').optional(),
        instructions: z.string('expected a string').optional(),
        params: z.record(z.string(), z.unknown(), 'expected an object').optional(),
        output: z.custom<OutputSchema>(hasMethods('safeParse'), 'expected a zod schema').optional(),
        repairs: count(0).optional(),
        timeoutMs: durationMs().optional(),
        timeouts: phaseTimeoutsSchema().optional(),
        deadlineMs: durationMs().optional(),
        maxRetries: count(0).optional(),
        maxConcurrent: count(1).optional(),
        cache: z
          .union([z.literal(false), cacheStorageSchema()], 'expected false or { ttlMs, tags, replay }')
          .optional(),
        fallbacks: z.array(z.string('expected an agent name'), 'expected a list of agent names').optional(),
        hedge: hedgeSchema().optional(),
        idempotent: z.boolean('expected true or false').optional(),
        budget: budgetSchema().optional(),
        maxCostUsd: z.number('expected dollars from 0').min(0, 'expected dollars from 0').optional(),
        version: z.string('expected a string').optional(),
      })
      .refine((definition) => (definition.run === undefined) !== (definition.provider === undefined), {
        path: ['run'],
        message: 'expected either `run` (a function) or `provider`, one of the two',
      })
      .refine((definition) => definition.repairs === undefined || definition.output !== undefined, {
        path: ['repairs'],
        message: 'expected `output` too: a repair sends back what does not fit it',
      })
      .refine((definition) => definition.repairs === undefined || definition.provider !== undefined, {
        path: ['repairs'],
        message: 'expected `provider`: a function that wants another try makes it itself',
      }) satisfies z.ZodType<AgentDefinition>,
);

import * as z from 'zod/mini';
import type { AgentDefinition, AgentFunction } from '../contracts/agent.js';
import type { Hooks } from '../contracts/hooks.js';
import type { OutputSchema } from '../contracts/output-schema.js';
import type { Provider } from '../contracts/provider.js';
import { hasMethods } from '../input/has-methods.js';
import { madeOnce } from '../input/made-once.js';
import { count, durationMs, numberThat } from '../input/number-schemas.js';
import { filledText, flag, mapping, oneOf, optionsObject, text, thing } from '../input/option-schemas.js';
import { budgetSchema, hedgeSchema } from '../resilience/traffic-options.js';

const MAX_TAGS = 64;
const MAX_TAG_CHARS = 256;

const isFunction = (value: unknown): boolean => typeof value === 'function';
const isTag = (value: unknown): boolean =>
  typeof value === 'string' && value !== '' && value.length <= MAX_TAG_CHARS;

const off = () => thing<false>((value) => value === false, 'false');

/** Limits on single phases of a call. @internal */
export const phaseTimeoutsSchema = madeOnce(() =>
  optionsObject({
    queueMs: z.optional(durationMs()),
    firstTokenMs: z.optional(durationMs()),
    idleMs: z.optional(durationMs()),
  }),
);

const isHook = (hook: unknown): boolean =>
  typeof hook === 'object' &&
  hook !== null &&
  Object.entries(hook).every(([name, run]) => isFunction(run) && (name === 'before' || name === 'after'));

/** Code around calls. @internal */
export const hooksSchema = madeOnce(() =>
  thing<Hooks | readonly Hooks[]>(
    (hooks) => (Array.isArray(hooks) ? hooks.every(isHook) : isHook(hooks)),
    'hooks { before, after }, each a function, or a list of such hooks',
  ),
);

/** How answers are stored. */
const cacheStorageSchema = madeOnce(() =>
  optionsObject({
    ttlMs: z.optional(numberThat((ms) => ms > 0, 'expected milliseconds above 0')),
    tags: z.optional(
      z
        .array(
          z.custom<string>(isTag, {
            message: `expected a label of 1 to ${MAX_TAG_CHARS} characters`,
            abort: false,
          }),
          'expected a list of labels',
        )
        .check(z.refine((tags) => tags.length <= MAX_TAGS, `expected at most ${MAX_TAGS} labels`)),
    ),
    replay: z.optional(oneOf('instant', 'paced')),
  }),
);

/** Every setting of an agent definition. @internal */
export const agentDefinitionSchema = madeOnce(
  () =>
    optionsObject({
      name: text(),
      title: z.optional(text()),
      description: z.optional(text()),
      run: z.optional(thing<AgentFunction>(isFunction, 'a function (task, context) => answer')),
      provider: z.optional(thing<Provider>(hasMethods('generate'), 'a provider with a generate() method')),
      model: z.optional(filledText('a model name')),
      instructions: z.optional(text()),
      params: z.optional(mapping(() => undefined)),
      output: z.optional(thing<OutputSchema>(hasMethods('safeParse'), 'a zod schema')),
      repairs: z.optional(count(0)),
      timeoutMs: z.optional(durationMs()),
      timeouts: z.optional(phaseTimeoutsSchema()),
      deadlineMs: z.optional(durationMs()),
      maxRetries: z.optional(count(0)),
      maxConcurrent: z.optional(count(1)),
      cache: z.optional(z.union([off(), cacheStorageSchema()], 'expected false or { ttlMs, tags, replay }')),
      fallbacks: z.optional(z.array(text('an agent name'), 'expected a list of agent names')),
      hedge: z.optional(hedgeSchema()),
      hooks: z.optional(hooksSchema()),
      idempotent: z.optional(flag()),
      budget: z.optional(budgetSchema()),
      maxCostUsd: z.optional(numberThat((dollars) => dollars >= 0, 'expected dollars from 0')),
      version: z.optional(text()),
      metadata: z.optional(mapping(() => undefined)),
    }).check(
      z.refine((definition) => (definition.run === undefined) !== (definition.provider === undefined), {
        path: ['run'],
        message: 'expected either `run` (a function) or `provider`, one of the two',
      }),
      z.refine((definition) => definition.repairs === undefined || definition.output !== undefined, {
        path: ['repairs'],
        message: 'expected `output` too: a repair sends back what does not fit it',
      }),
      z.refine((definition) => definition.repairs === undefined || definition.provider !== undefined, {
        path: ['repairs'],
        message: 'expected `provider`: a function that wants another try makes it itself',
      }),
    ) satisfies z.ZodMiniType<AgentDefinition>,
);

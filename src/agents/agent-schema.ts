import type { AgentDefinition, AgentFunction } from '../contracts/agent.js';
import type { OnApproval } from '../contracts/approval.js';
import type { Hooks } from '../contracts/hooks.js';
import type { OutputSchema } from '../contracts/output-schema.js';
import type { Provider } from '../contracts/provider.js';
import { hasMethods } from '../input/has-methods.js';
import { madeOnce } from '../input/made-once.js';
import { count, durationMs, numberThat } from '../input/number-schemas.js';
import {
  filledText,
  flag,
  mapping,
  oneOf,
  optionsObject,
  text,
  thing,
  valueThat,
} from '../input/option-schemas.js';
import { list, optional, type Schema, union } from '../input/schema.js';
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
    queueMs: optional(durationMs()),
    firstTokenMs: optional(durationMs()),
    idleMs: optional(durationMs()),
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
    ttlMs: optional(numberThat((ms) => ms > 0, 'expected milliseconds above 0')),
    tags: optional(
      list(
        valueThat<string>(isTag, `expected a label of 1 to ${MAX_TAG_CHARS} characters`, false),
        'expected a list of labels',
      ).refine((tags) => tags.length <= MAX_TAGS, `expected at most ${MAX_TAGS} labels`),
    ),
    replay: optional(oneOf('instant', 'paced')),
  }),
);

/** Every setting of an agent definition. @internal */
export const agentDefinitionSchema = madeOnce(
  () =>
    optionsObject({
      name: text(),
      title: optional(text()),
      description: optional(text()),
      run: optional(thing<AgentFunction>(isFunction, 'a function (task, context) => answer')),
      provider: optional(thing<Provider>(hasMethods('generate'), 'a provider with a generate() method')),
      model: optional(filledText('a model name')),
      instructions: optional(text()),
      params: optional(mapping(() => undefined)),
      output: optional(thing<OutputSchema>(hasMethods('safeParse'), 'a zod schema')),
      repairs: optional(count(0)),
      timeoutMs: optional(durationMs()),
      timeouts: optional(phaseTimeoutsSchema()),
      deadlineMs: optional(durationMs()),
      maxRetries: optional(count(0)),
      maxConcurrent: optional(count(1)),
      cache: optional(union([off(), cacheStorageSchema()], 'expected false or { ttlMs, tags, replay }')),
      fallbacks: optional(list(text('an agent name'), 'expected a list of agent names')),
      hedge: optional(hedgeSchema()),
      hooks: optional(hooksSchema()),
      onApproval: optional(thing<OnApproval>(isFunction, 'a function (request) => true or false')),
      idempotent: optional(flag()),
      budget: optional(budgetSchema()),
      maxCostUsd: optional(numberThat((dollars) => dollars >= 0, 'expected dollars from 0')),
      version: optional(text()),
      metadata: optional(mapping(() => undefined)),
    })
      .refine(
        (definition) => (definition.run === undefined) !== (definition.provider === undefined),
        'expected either `run` (a function) or `provider`, one of the two',
        'run',
      )
      .refine(
        (definition) => definition.repairs === undefined || definition.output !== undefined,
        'expected `output` too: a repair sends back what does not fit it',
        'repairs',
      )
      .refine(
        (definition) => definition.repairs === undefined || definition.provider !== undefined,
        'expected `provider`: a function that wants another try makes it itself',
        'repairs',
      ) satisfies Schema<AgentDefinition>,
);

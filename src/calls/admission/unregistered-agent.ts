import type { AgentContext, AgentDefinition } from '../../contracts/agent.js';
import type { CallFunction, FunctionCallOptions } from '../../contracts/call.js';
import type { AgentReplyObject } from '../../contracts/reply.js';
import { InvalidArgumentError } from '../../errors/input-errors.js';
import { canonicalJson } from '../../hashing/canonical-json.js';
import type { CallServices } from '../call-services.js';
import { agentSettings, type CallSettings } from '../call-settings.js';
import type { RegisteredAgent } from '../registered-agent.js';
import { codeLoader } from './agent-code.js';

/** What plain functions are called in results, events, errors and the cache. */
const RUN = 'run';

/** Tells cached results of functions from the answers of an agent that is called `run`. */
const RUN_VERSION = 'orchestrator.run 1';

/** An agent that makes one call, or a few, and is known to those alone. */
export interface UnregisteredAgent {
  readonly definition: AgentDefinition;
  /** The lane it uses; `undefined` for that of its provider or function. */
  readonly lane: string | undefined;
  /** Whether a second attempt may run beside a slow one. */
  readonly isHedgeable: boolean;
}

const NO_FALLBACKS = (): readonly RegisteredAgent[] => [];

/** The agent as its calls need it. */
export function toRegistered(
  services: CallServices,
  settings: CallSettings,
  { definition, lane, isHedgeable }: UnregisteredAgent,
): RegisteredAgent {
  return {
    services,
    definition,
    figures: services.byAgent.of(definition.name),
    history: undefined,
    lane,
    isHedgeable,
    settings: agentSettings(settings, definition),
    hasTrafficControl: services.traffic.appliesTo(definition, lane),
    loadCode: codeLoader(services, definition, lane),
    // There is no task that a hook could look at.
    hooks: undefined,
    isPlain: true,
    fallbacks: NO_FALLBACKS,
    permits: services.permits,
  };
}

/** An agent of a function that is run once. Without a `key` nothing says when two results are the same. */
export function functionAgent(
  fn: CallFunction<unknown>,
  { key, lane, maxCostUsd, cache }: FunctionCallOptions,
): UnregisteredAgent {
  if (key === undefined && cache !== undefined && cache !== false) {
    throw new InvalidArgumentError(
      'key',
      'key: expected a string that says which results are the same, because `cache` is set; got undefined.',
    );
  }
  const run = async (_key: string, context: AgentContext): Promise<AgentReplyObject> => {
    const data = await fn(context);
    return { output: outputOf(data, key !== undefined), data };
  };
  const cached = key === undefined ? { cache: false as const } : undefined;
  return {
    definition: { name: RUN, version: RUN_VERSION, maxCostUsd, run, ...cached },
    lane,
    isHedgeable: true,
  };
}

/** Text alone is an answer as it is; what is to be stored has a text too. */
function outputOf(data: unknown, isStored: boolean): string {
  if (typeof data === 'string') return data;
  if (!isStored || data === undefined) return '';
  canonicalJson(data, 'result');
  return JSON.stringify(data);
}

import * as z from 'zod/mini';
import type { CallOptions, TaskObject } from '../contracts/call.js';
import type { CallOutcome } from '../contracts/result.js';
import type { Tool } from '../contracts/tool.js';
import { fieldOf } from '../errors/foreign.js';
import { expectObject, expectText, mismatch } from '../input/checks.js';
import { unknownKeyError } from '../input/unknown-key.js';

/** The orchestrator whose agents become tools: the part of an `AsyncOrchestrator` that {@link asTool} uses. */
export interface ToolOrchestrator {
  /** As that of an `AsyncOrchestrator`. */
  executeMultiple(tasks: ReadonlyArray<TaskObject>): Promise<readonly unknown[]>;
}

/** What the model sends an agent that is its tool. */
export interface AgentToolInput {
  /** The task, as text. */
  task: string;
}

/** Settings of {@link asTool}: those of the tool, and how the agent is called. */
export interface AgentToolOptions
  extends Pick<
      CallOptions,
      'timeoutMs' | 'deadlineMs' | 'maxRetries' | 'tenant' | 'params' | 'cache' | 'metadata' | 'onApproval'
    >,
    Pick<Tool<AgentToolInput>, 'needsApproval' | 'idempotent'> {
  /** What the agent does and when to ask it. The model decides by this text. @default the agent's `description` */
  description?: string | undefined;
}

const CALL_OPTIONS = [
  'timeoutMs',
  'deadlineMs',
  'maxRetries',
  'tenant',
  'params',
  'cache',
  'metadata',
  'onApproval',
];
const TOOL_OPTIONS = ['description', 'needsApproval', 'idempotent'];

/** Calls that their parents wait for go first: the permit that they run on is lent for that. */
const PRIORITY = Number.MAX_SAFE_INTEGER;

/**
 * Makes an agent a tool of another one. The other model sends it a task as text and receives its answer, or the error it
 * failed with.
 *
 * The agent keeps its own limits, timeouts and retries. What it uses and costs is part of the parent's result, and it is
 * cancelled with the parent. While the parent waits for it, the parent has no permit, holds nothing of its lane and
 * budgets, and its timeouts stand still; so a parent and its agents get along with `maxConcurrent: 1`.
 *
 * @example
 * ```ts
 * orchestrator.agents.add(anthropic({ name: 'lead', model, tools: { research: asTool(orchestrator, 'researcher') } }));
 * ```
 *
 * @throws `InvalidArgumentError` for an unknown or invalid option.
 */
export function asTool(
  orchestrator: ToolOrchestrator,
  agent: string,
  options: AgentToolOptions = {},
): Tool<AgentToolInput> {
  if (typeof fieldOf(orchestrator, 'executeMultiple') !== 'function') {
    throw mismatch('orchestrator', 'an AsyncOrchestrator', orchestrator);
  }
  if (expectText(agent) !== undefined) throw mismatch('agent', 'the name of an agent', agent);
  checkOptions(options);
  const { description, needsApproval, idempotent, ...callOptions } = options;
  return {
    get description() {
      return description ?? descriptionOf(orchestrator, agent);
    },
    input: z.object({ task: z.string().check(z.minLength(1)) }),
    needsApproval,
    idempotent,
    run: async ({ task }, { signal, withoutPermit, addSpent }) => {
      const call: TaskObject = { ...callOptions, agent, task, signal, priority: PRIORITY };
      const [outcome] = (await withoutPermit(() => orchestrator.executeMultiple([call]))) as [CallOutcome];
      if (!outcome.success || outcome.cached === false) addSpent(outcome.usage, outcome.costUsd);
      if (!outcome.success) throw outcome.error;
      return outcome.output;
    },
  };
}

function checkOptions(options: unknown): void {
  const wrong = expectObject(options);
  if (wrong !== undefined) throw mismatch('asTool options', wrong, options);
  const known = [...TOOL_OPTIONS, ...CALL_OPTIONS];
  for (const key of Object.keys(options as object)) {
    if (!known.includes(key)) throw unknownKeyError('', key, known);
  }
}

/** Looked up when the tool is described to a model: the agent may be added later. */
function descriptionOf(orchestrator: unknown, agent: string): string | undefined {
  const registry = fieldOf(orchestrator, 'agents') as {
    get?(name: string): { description?: string } | undefined;
  };
  return registry?.get?.(agent)?.description;
}

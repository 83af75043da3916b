import type { AgentRegistry } from '../agents/agent-registry.js';
import type { CallAdmission } from '../calls/admission/call-admission.js';
import { readTask } from '../calls/admission/check-call-options.js';
import type { CallRequest } from '../calls/call.js';
import { refuse } from '../calls/call-result.js';
import type { CallServices } from '../calls/call-services.js';
import type { CallOptions, RunOptions } from '../contracts/call.js';
import type { AgentFailure } from '../contracts/result.js';
import { messageOf } from '../errors/foreign.js';
import { InvalidArgumentError } from '../errors/input-errors.js';
import { TuttiError } from '../errors/tutti-error.js';
import { UnreadableTask } from './task-reader.js';

/** What the tasks of one run share. */
export interface RunContext {
  readonly services: CallServices;
  readonly admission: CallAdmission;
  readonly agents: AgentRegistry;
  readonly options: RunOptions;
}

/** Makes the function that checks the tasks of one run: one that is not fit to run is a failure in its place. */
export function taskAdmission(context: RunContext): (input: unknown) => CallRequest | AgentFailure {
  const { services, admission, agents } = context;
  const shared = sharedOptions(context.options);
  return (input) => {
    let given: unknown;
    try {
      if (input instanceof UnreadableTask) throw input.thrown;
      const { agent, task, options } = readTask(input);
      given = agent;
      return admission.admitTask(agent, task, merge(shared, options), agents);
    } catch (error) {
      return refuse(services, given, toArgumentError(error));
    }
  };
}

/** The run's options as they apply to each call; its signal and deadline are the run's own business. */
function sharedOptions(options: RunOptions): CallOptions | undefined {
  const { signal, deadlineMs, stopOnError, ordered, warmFirst, onProgress, ...others } = options;
  const { budget, runId, directory, retryFailed, secret, ...shared } = others;
  return Object.keys(shared).length === 0 ? undefined : shared;
}

/** A task's own settings over the run's; one that is there but `undefined` is as if it were not. */
function merge(shared: CallOptions | undefined, own: CallOptions | undefined): CallOptions | undefined {
  if (shared === undefined || own === undefined) return own ?? shared;
  const given = Object.entries(own).filter(([, value]) => value !== undefined);
  return { ...shared, ...Object.fromEntries(given) };
}

/** Reading a task runs its getters, and those may throw anything. */
export function toArgumentError(thrown: unknown): TuttiError {
  if (TuttiError.isInstance(thrown)) return thrown;
  return new InvalidArgumentError('task', `task: it could not be read: ${messageOf(thrown)}.`, {
    cause: thrown,
  });
}

import { definitionDigest } from '../../agents/definition-digest.js';
import type { CallRequest } from '../../calls/call.js';
import { refuse } from '../../calls/call-result.js';
import type { CallServices } from '../../calls/call-services.js';
import type { AgentFailure, CallOutcome } from '../../contracts/result.js';
import { InvalidArgumentError } from '../../errors/input-errors.js';
import type { TuttiError } from '../../errors/tutti-error.js';
import { fingerprintOf, type TaskIdentity } from '../../journal/fingerprint.js';
import type { RunJournal } from '../../journal/run-journal.js';
import { toArgumentError } from '../task-admission.js';

/** A task that was checked: a call to make with its fingerprint, or why it was rejected. */
export type FingerprintedTask =
  | { readonly request: CallRequest; readonly fingerprint: string }
  | { readonly refusal: AgentFailure };

/** Adds its fingerprint to an accepted task; rejects a task that cannot have one. */
export function fingerprintTask(
  services: CallServices,
  admitted: CallRequest | CallOutcome,
): FingerprintedTask {
  if ('success' in admitted) return { refusal: admitted as AgentFailure };
  try {
    return { request: admitted, fingerprint: fingerprintOf(identityOf(admitted)) };
  } catch (error) {
    const { name } = admitted.registered.definition;
    return { refusal: refuse(services, name, withoutFingerprint(toArgumentError(error))) };
  }
}

/** @throws {@link RunChangedError} when the task is not the one on record. */
export function compareTask(journal: RunJournal, index: number, task: FingerprintedTask): void {
  if ('refusal' in task) journal.checkRefused(index, task.refusal.error);
  else journal.checkTask(index, task.fingerprint);
}

/** Everything of a task that can change its answer. */
function identityOf({ registered, task, options }: CallRequest): TaskIdentity {
  const { definition, services } = registered;
  return {
    agent: definition.name,
    definition: definitionDigest(definition),
    task,
    params: { ...definition.params, ...options?.params },
    model: options?.model ?? definition.model,
    tenant: options?.tenant ?? services.options.tenant,
  };
}

/** Says what to do about a task that cannot be recognised again. */
function withoutFingerprint(error: TuttiError): InvalidArgumentError {
  const { message, details } = error;
  return new InvalidArgumentError(
    String(details.field),
    `${message} A task of a run with a runId has to be recognised when the run is resumed.`,
    { details, cause: error },
  );
}

import type { CallRequest } from '../../calls/call.js';
import { refuse } from '../../calls/call-result.js';
import type { CallServices } from '../../calls/call-services.js';
import type { AgentFailure, CallOutcome } from '../../contracts/result.js';
import { InvalidArgumentError } from '../../errors/input-errors.js';
import { fingerprintOf } from '../../journal/fingerprint.js';
import type { RunJournal } from '../../journal/run-journal.js';
import { identityOf } from './task-fingerprint.js';

/** A task that was checked: a call to make with its fingerprint, or why it is not fit to run. */
export type CheckedTask =
  | { readonly request: CallRequest; readonly fingerprint: string }
  | { readonly refusal: AgentFailure };

/** Gives an admitted task its fingerprint; refuses it where it can have none. */
export function checkTask(services: CallServices, admitted: CallRequest | CallOutcome): CheckedTask {
  if ('success' in admitted) return { refusal: admitted as AgentFailure };
  try {
    return { request: admitted, fingerprint: fingerprintOf(identityOf(admitted)) };
  } catch (error) {
    const { name } = admitted.registered.definition;
    return { refusal: refuse(services, name, withoutFingerprint(error as InvalidArgumentError)) };
  }
}

/** Says of a task that cannot be recognised again what to do about it. */
function withoutFingerprint(error: InvalidArgumentError): InvalidArgumentError {
  const { field, message, details } = error;
  return new InvalidArgumentError(
    field,
    `${message} A task of a run with a runId has to be recognised when the run is resumed.`,
    { details, cause: error },
  );
}

/** @throws {@link RunChangedError} when the task is not the one on record. */
export function compareTask(journal: RunJournal, index: number, task: CheckedTask): void {
  if ('refusal' in task) journal.checkRefused(index, task.refusal.error);
  else journal.checkTask(index, task.fingerprint);
}

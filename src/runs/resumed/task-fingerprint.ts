import { definitionDigest } from '../../agents/definition-digest.js';
import type { CallRequest } from '../../calls/call.js';
import { preparationCode } from '../../calls/call-path.js';
import { refuse } from '../../calls/call-result.js';
import type { CallServices } from '../../calls/call-services.js';
import type { PreparedContent } from '../../content/prepared-content.js';
import type { AgentFailure, CallOutcome } from '../../contracts/result.js';
import { InvalidArgumentError } from '../../errors/input-errors.js';
import type { TuttiError } from '../../errors/tutti-error.js';
import { fingerprintOf, type TaskIdentity } from '../../journal/fingerprint.js';
import type { RunJournal } from '../../journal/run-journal.js';
import { CancelScope } from '../../time/cancel-scope.js';
import { toArgumentError } from '../task-admission.js';

/** A task that was checked: a call to make with its fingerprint, or why it was rejected. */
export type FingerprintedTask =
  | { readonly request: CallRequest; readonly fingerprint: string }
  | { readonly refusal: AgentFailure };

/**
 * Adds its fingerprint to an accepted task; rejects a task that cannot have one. A promise where files have to be read
 * for it.
 *
 * @param keepsBytes Whether the task runs next, so that its files need not be read again.
 */
export function fingerprintTask(
  services: CallServices,
  admitted: CallRequest | CallOutcome,
  keepsBytes: boolean,
): FingerprintedTask | Promise<FingerprintedTask> {
  if ('success' in admitted) return { refusal: admitted as AgentFailure };
  const { task } = admitted;
  if (typeof task === 'string' || task.files.length === 0) return withFingerprint(services, admitted);
  return identify(admitted, task, keepsBytes).then(
    () => withFingerprint(services, admitted),
    (error: unknown) => rejected(services, admitted, error),
  );
}

async function identify(request: CallRequest, content: PreparedContent, keepsBytes: boolean): Promise<void> {
  const scope = new CancelScope();
  const { identifyTaskFiles, readTaskFiles } = await import('../../content/read-task-files.js');
  const { retryReading } = await preparationCode.load();
  const read = keepsBytes ? readTaskFiles : identifyTaskFiles;
  await retryReading(request, () => read(content, scope.signal), scope);
}

function withFingerprint(services: CallServices, request: CallRequest): FingerprintedTask {
  try {
    return { request, fingerprint: fingerprintOf(identityOf(request)) };
  } catch (error) {
    return rejected(services, request, withoutFingerprint(toArgumentError(error)));
  }
}

function rejected(services: CallServices, { registered }: CallRequest, error: unknown): FingerprintedTask {
  return { refusal: refuse(services, registered.definition.name, toArgumentError(error)) };
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
    task: typeof task === 'string' ? task : task.text,
    ...(typeof task === 'string' || task.isText ? {} : { input: task.identity }),
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

import { definitionDigest } from '../../agents/definition-digest.js';
import type { CallRequest } from '../../calls/call.js';
import type { TaskIdentity } from '../../journal/fingerprint.js';

/** Everything of a task that can change its answer. */
export function identityOf({ registered, task, options }: CallRequest): TaskIdentity {
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

import type { TaskIdentity } from '../runs/fingerprint.js';
import type { CallRequest } from './call.js';
import { definitionDigest } from './definition-digest.js';

/** Everything of a task that can change its answer. */
export function identityOf({ registered, task, options }: CallRequest): TaskIdentity {
  const { definition, parts } = registered;
  return {
    agent: definition.name,
    definition: definitionDigest(definition),
    task,
    params: { ...definition.params, ...options?.params },
    model: options?.model ?? definition.model,
    tenant: options?.tenant ?? parts.options.tenant,
  };
}

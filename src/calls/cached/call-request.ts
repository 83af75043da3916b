import { definitionDigest } from '../../agents/definition-digest.js';
import type { CacheRequest } from '../../cache/cache-key.js';
import { readTaskFilesNow } from '../../content/read-task-files-now.js';
import { Call, type CallRequest } from '../call.js';
import type { CallCache } from '../call-services.js';
import type { RegisteredAgent } from '../registered-agent.js';

/** The request under which the answer of such a call is stored. */
export function cacheRequestOf(request: CallRequest): CacheRequest {
  if (typeof request.task !== 'string') readTaskFilesNow(request.task);
  return requestOf(new UnsubmittedCall(request));
}

/** A call that is only looked at. */
export class UnsubmittedCall extends Call {
  start(): undefined {}

  withdrawn(): void {}

  settle(): void {}
}

/** The key under which the answer of such a call is looked up; `undefined` if it is not, or has no key. */
export function cachePlaceOf(call: Call, cache: Pick<CallCache, 'keyOf'>): string | undefined {
  const wish = call.options?.cache ?? call.definition.cache;
  if (wish === false || wish === 'refresh') return undefined;
  try {
    return cache.keyOf(requestOf(call));
  } catch {
    // Made for real, the call fails with the reason.
    return undefined;
  }
}

/** Everything that can change the answer. */
export function requestOf(call: Call, target: RegisteredAgent = call.registered): CacheRequest {
  const { task, tenant, text } = call;
  const request: CacheRequest = {
    agent: target.definition.name,
    task: text,
    model: call.modelOf(target),
    params: call.paramsOf(target),
    tenant,
    definition: definitionDigest(target.definition),
  };
  if (typeof task !== 'string' && !task.isText) request.input = task.identity;
  return request;
}

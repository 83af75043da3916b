import { definitionDigest } from '../../agents/definition-digest.js';
import type { CacheRequest } from '../../cache/cache-key.js';
import { readTaskFilesNow } from '../../content/read-task-files-now.js';
import { Call, type CallRequest } from '../call.js';
import type { RegisteredAgent } from '../registered-agent.js';

/** The request under which the answer of such a call is stored. */
export function cacheRequestOf(request: CallRequest): CacheRequest {
  if (typeof request.task !== 'string') readTaskFilesNow(request.task);
  return requestOf(new UnsubmittedCall(request));
}

/** A call that is only looked at. */
class UnsubmittedCall extends Call {
  start(): undefined {}

  withdrawn(): void {}

  settle(): void {}
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

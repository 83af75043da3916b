import type { AgentDefinition } from '../../contracts/agent.js';
import { type LazyModule, loadMissing } from '../../lifecycle/lazy-module.js';
import { jsonSchemaWriter, needsJsonSchemaWriter } from '../../output/json-schema.js';
import { objectReaderCode } from '../agent-stream.js';
import { streamCode } from '../attempts/attempt.js';
import { attemptToolsCode, hasTools } from '../attempts/invoke-agent.js';
import { cachedCallsCode } from '../cached/cache-of-calls.js';
import { retriesCode } from '../call-path.js';
import { outputReader } from '../call-result.js';
import type { CallServices } from '../call-services.js';
import { explainCode } from '../explain-calls.js';
import type { RegisteredAgent } from '../registered-agent.js';
import { trafficCode } from '../traffic-control.js';

/**
 * What loads the code that an agent's calls need and that is not loaded with the package. Loading starts here, at
 * registration: only calls made at once after it find some missing.
 */
export function codeLoader(
  services: CallServices,
  definition: AgentDefinition,
  lane?: string,
): RegisteredAgent['loadCode'] {
  const modules: LazyModule<unknown>[] = [];
  if (services.traffic.appliesTo(definition, lane)) modules.push(retriesCode, trafficCode);
  if (definition.provider?.stream !== undefined) modules.push(streamCode);
  if (definition.output !== undefined) modules.push(outputReader, objectReaderCode);
  if (services.cache !== undefined) modules.push(cachedCallsCode);
  if (services.recorder !== undefined) modules.push(explainCode);
  if (mayNeedJsonSchemaWriter(services, definition)) modules.push(jsonSchemaWriter);
  if (hasTools(definition) || definition.fallbacks !== undefined) modules.push(attemptToolsCode);
  if (modules.length === 0) return undefined;
  const load = (): Promise<unknown> | undefined => loadMissing(modules);
  // Where it fails now, each call tries again and fails with the reason.
  load()?.catch(() => {});
  return load;
}

/** For its cache key, or for that of an answer that another agent gave in its place. */
function mayNeedJsonSchemaWriter(
  { cache }: CallServices,
  { output, fallbacks = [] }: AgentDefinition,
): boolean {
  return needsJsonSchemaWriter(output) || (cache !== undefined && fallbacks.length > 0);
}

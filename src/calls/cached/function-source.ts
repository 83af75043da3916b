import type { CacheHit } from '../../cache/cached-answer.js';
import type { AgentDefinition } from '../../contracts/agent.js';
import { sha256Hex } from '../../hashing/digest.js';
import { silentLogger } from '../../logging/logger.js';
import type { Call } from '../call.js';

const DIGEST_CHARS = 16;
const digests = new WeakMap<object, string | undefined>();
/** Definitions that were warned about. */
const warned = new WeakSet<AgentDefinition>();

/**
 * Digest of the source text of an agent's function; `undefined` for a provider, and for a function without a text. It is
 * stored beside an answer and is no part of its key: a build may write the same function in another way.
 */
export function sourceDigest({ run }: AgentDefinition): string | undefined {
  if (run === undefined) return undefined;
  if (digests.has(run)) return digests.get(run);
  const text = Function.prototype.toString.call(run);
  const digest = text.includes('[native code]') ? undefined : sha256Hex(text).slice(0, DIGEST_CHARS);
  digests.set(run, digest);
  return digest;
}

/** Warns once for each agent, in development, that an answer was computed by another version of its function. */
export function warnOfChangedSource({ definition, services }: Call, { source, createdAt }: CacheHit): void {
  if (source === undefined || process.env.NODE_ENV === 'production' || warned.has(definition)) return;
  const current = sourceDigest(definition);
  if (current === undefined || current === source) return;
  warned.add(definition);
  const { name, version } = definition;
  const message =
    `The function of agent "${name}" has changed since its answer was stored (${new Date(createdAt).toISOString()}), and the ` +
    'stored answer is still served. If it answers differently now, ' +
    `${version === undefined ? 'give the agent a version' : 'change its version'}, or delete what is stored with ` +
    `cache.deleteAgent('${name}').`;
  if (services.logger === silentLogger) process.emitWarning(message, { code: 'TUTTI_CHANGED_FUNCTION' });
  else services.logger.warn({ agent: name, createdAt }, message);
}

import type { TuttiError } from '../../errors/tutti-error.js';
import type { ResolvedResponseCacheOptions } from '../cache-options.js';
import { Seal } from '../seal.js';
import { loadSecrets } from '../secret.js';
import type { CacheTier } from './cache-tier.js';
import { DiskTier } from './disk-tier.js';
import type { OpenTiers } from './tier-stack.js';

/** Makes the tiers that the options name, and the seal for their entries. Never rejects. */
export async function openTiers(
  options: ResolvedResponseCacheOptions,
  epochMs: () => number,
  onProblem: (error: TuttiError) => void,
): Promise<OpenTiers> {
  const secrets = await loadSecrets({ secret: options.secret, onProblem });
  return { tiers: [createTier(options, onProblem)], seal: new Seal(secrets, epochMs) };
}

function createTier(
  { directory = '', maxSizeBytes, maxEntries, eviction, clock }: ResolvedResponseCacheOptions,
  onProblem: (error: TuttiError) => void,
): CacheTier {
  return new DiskTier({ directory, maxSizeBytes, maxEntries, eviction, clock, onProblem });
}

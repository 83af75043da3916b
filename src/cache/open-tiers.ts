import type { TuttiError } from '../errors/tutti-error.js';
import { loadSecrets } from '../signing/secret.js';
import type { ResolvedResponseCacheOptions } from './cache-options.js';
import { Seal } from './seal.js';
import type { CacheTier } from './tiers/cache-tier.js';
import { DiskTier } from './tiers/disk/disk-tier.js';
import { KeyvTier } from './tiers/keyv-tier.js';
import { TierGuard } from './tiers/tier-guard.js';
import type { OpenTiers } from './tiers/tier-stack.js';

/** Who hears of trouble with the tiers. */
export interface TierListeners {
  /** Something stopped working. Told once for each change for the worse. */
  readonly onProblem: (error: TuttiError) => void;
  /** An operation failed. Told each time. */
  readonly onFailure: () => void;
}

/** Makes the tiers that the options name, and the seal for their entries. Never rejects. */
export async function openTiers(
  options: ResolvedResponseCacheOptions,
  epochMs: () => number,
  { onProblem, onFailure }: TierListeners,
): Promise<OpenTiers> {
  const secrets = await loadSecrets({ secret: options.secret, onProblem });
  const { clock } = options;
  const tier = new TierGuard(createTier(options, onProblem), { clock, onFailure, onBroken: onProblem });
  return { tiers: [tier], seal: new Seal(secrets, epochMs) };
}

function createTier(
  options: ResolvedResponseCacheOptions,
  onProblem: (error: TuttiError) => void,
): CacheTier {
  const { directory = '', store, maxSizeBytes, maxEntries, eviction, clock } = options;
  const limits = { maxSizeBytes, maxEntries, eviction, clock, onProblem };
  return store === undefined ? new DiskTier({ ...limits, directory }) : new KeyvTier({ ...limits, store });
}

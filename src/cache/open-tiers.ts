import { randomBytes } from 'node:crypto';
import { CacheStoreError } from '../errors/storage-errors.js';
import { TuttiError } from '../errors/tutti-error.js';
import { configuredSecrets } from '../signing/configured-secrets.js';
import { loadSecrets, secretFolder } from '../signing/secret.js';
import { checkRealDirectory } from './cache-directory.js';
import type { ResolvedResponseCacheOptions } from './cache-options.js';
import type { Namespaces } from './namespaces.js';
import { Seal } from './seal.js';
import type { CacheTier } from './tiers/cache-tier.js';
import { DiskTier } from './tiers/disk/disk-tier.js';
import { KeyvTier } from './tiers/keyv-tier.js';
import { TierGuard } from './tiers/tier-guard.js';
import type { OpenTiers } from './tiers/tier-stack.js';

/** The options of the cache, with its namespaces. */
type TierOptions = Omit<ResolvedResponseCacheOptions, 'namespaces'> & {
  readonly namespaces: Namespaces | undefined;
};

/** Receives the failures of tiers. */
interface TierListeners {
  /** Something stopped working. Called once for each change for the worse. */
  readonly onProblem: (error: TuttiError) => void;
  /** An operation failed. Called each time. */
  readonly onFailure: () => void;
  /** The tier lost what it held. */
  readonly onFileLost: () => void;
}

/** Never rejects: without a secret, or a place for one, the cache is in memory only. */
export async function openTiers(
  options: TierOptions,
  epochMs: () => number,
  { onProblem, onFailure, onFileLost }: TierListeners,
): Promise<OpenTiers> {
  const { clock, secret } = options;
  try {
    if (configuredSecrets({ secret }) === undefined && secretFolder() === undefined) throw noSecret();
    const seal = new Seal(await loadSecrets({ secret, onProblem }), epochMs);
    const tier = new TierGuard(createTier(options, onProblem, onFileLost), {
      clock,
      onFailure,
      onBroken: onProblem,
    });
    return { tiers: [tier], seal };
  } catch (error) {
    onProblem(TuttiError.isInstance(error) ? error : noSecret(error));
    return { tiers: [], seal: new Seal([randomBytes(32)], epochMs) };
  }
}

function noSecret(cause?: unknown): CacheStoreError {
  const message =
    'There is no secret to sign cache entries with, and no home directory to keep one in, so answers are kept in memory ' +
    'only. Set TUTTI_CACHE_SECRET, or HOME or XDG_CONFIG_HOME to a folder of your own.';
  return new CacheStoreError('disk', 'secret', message, { cause });
}

function createTier(
  options: TierOptions,
  onProblem: (error: TuttiError) => void,
  onFileLost: () => void,
): CacheTier {
  const { directory = '', rootDirectory, store, maxSizeBytes, maxEntries } = options;
  const { eviction, namespaces, clock } = options;
  const limits = { maxSizeBytes, maxEntries, namespaces, eviction, clock, onProblem };
  if (store !== undefined) return new KeyvTier({ ...limits, store });
  return new DiskTier({
    ...limits,
    directory,
    onFileLost,
    checkFolder: () => checkRealDirectory(directory, rootDirectory),
  });
}

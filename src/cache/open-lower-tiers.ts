import { randomBytes } from 'node:crypto';
import { CacheStoreError } from '../errors/storage-errors.js';
import { TuttiError } from '../errors/tutti-error.js';
import { configuredSecrets, loadSecrets, secretFolder } from '../signing/secret.js';
import { checkRealDirectory } from './cache-directory.js';
import type { CacheObservers } from './cache-observers.js';
import type { ResolvedResponseCacheOptions } from './cache-options.js';
import type { CacheStatsRecorder } from './cache-stats.js';
import { Seal } from './seal.js';
import type { SteadyTime } from './steady-time.js';
import type { CacheTier } from './tiers/cache-tier.js';
import { DiskTier } from './tiers/disk/disk-tier.js';
import { KeyvTier } from './tiers/keyv-tier.js';
import { TierGuard } from './tiers/tier-guard.js';
import { type OpenTiers, TierStack } from './tiers/tier-stack.js';

/** Collaborators of the tiers below memory. */
export interface LowerTiersParts {
  readonly options: ResolvedResponseCacheOptions;
  readonly time: SteadyTime;
  readonly recorder: CacheStatsRecorder;
  readonly observers: CacheObservers;
}

/** The tiers below memory that the options name; `undefined` for none. Their failures are counted, logged and emitted. */
export function openLowerTiers(parts: LowerTiersParts): TierStack | undefined {
  const { options, time, recorder, observers } = parts;
  if (options.directory === undefined && options.store === undefined) return undefined;
  const epochMs = () => time.epochMs();
  let isTold = false;
  return new TierStack({
    open: () => openTiers(parts, epochMs),
    epochMs,
    clock: options.clock,
    onReject: ({ key, agent }, tier, reason) => {
      recorder.integrityFailures += 1;
      if (reason !== 'unknown-key') {
        options.logger.warn({ key, tier, reason }, 'a stored cache entry was refused and removed');
      } else if (!isTold) {
        isTold = true;
        options.logger.warn({ key, tier, reason }, otherSecret(options.directory ?? 'the store'));
      }
      if (!observers.wants('cache:reject')) return;
      observers.emit('cache:reject', { key, agent, tier, reason, at: epochMs() });
    },
  });
}

function otherSecret(place: string): string {
  return (
    `The cache in ${place} holds answers that were signed with another secret; they are not used and are removed. ` +
    'To keep answers between containers, machines or users, set TUTTI_CACHE_SECRET to the same value everywhere, or keep ' +
    'the file cache.key of the configuration folder.'
  );
}

/** Never rejects: without a secret, or a place for one, the cache is in memory only. */
async function openTiers(parts: LowerTiersParts, epochMs: () => number): Promise<OpenTiers> {
  const { options, recorder } = parts;
  const { clock, secret } = options;
  const onProblem = (error: TuttiError) => reportProblem(parts, error);
  const onFailure = () => {
    recorder.storeErrors += 1;
  };
  try {
    if (configuredSecrets({ secret }) === undefined && secretFolder() === undefined) throw noSecret();
    const seal = new Seal(await loadSecrets({ secret, onProblem }), epochMs);
    const tier = new TierGuard(createTier(options, onProblem), { clock, onFailure, onBroken: onProblem });
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
  options: ResolvedResponseCacheOptions,
  onProblem: (error: TuttiError) => void,
): CacheTier {
  const { directory = '', rootDirectory, store, maxSizeBytes, maxEntries, eviction, clock } = options;
  const limits = { maxSizeBytes, maxEntries, eviction, clock, onProblem };
  if (store !== undefined) return new KeyvTier({ ...limits, store });
  return new DiskTier({
    ...limits,
    directory,
    checkFolder: () => checkRealDirectory(directory, rootDirectory),
  });
}

function reportProblem({ options, time, observers }: LowerTiersParts, error: TuttiError): void {
  const { code, message, details } = error;
  options.logger.warn({ code, ...details }, message);
  if (!observers.wants('cache:error')) return;
  const [tier, operation] = [String(details.tier), String(details.operation)];
  observers.emit('cache:error', { tier, operation, code, message, at: time.epochMs() });
}

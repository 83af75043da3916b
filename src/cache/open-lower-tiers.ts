import type { TuttiError } from '../errors/tutti-error.js';
import type { CacheObservers } from './cache-observers.js';
import type { ResolvedResponseCacheOptions } from './cache-options.js';
import type { CacheStatsRecorder } from './cache-stats.js';
import { Seal } from './seal.js';
import { loadSecrets } from '../signing/secret.js';
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
  return new TierStack({
    open: () => openTiers(parts, epochMs),
    epochMs,
    onReject: ({ key, agent }, tier, reason) => {
      recorder.integrityFailures += 1;
      options.logger.warn({ key, tier, reason }, 'a stored cache entry was refused and removed');
      if (!observers.wants('cache:reject')) return;
      observers.emit('cache:reject', { key, agent, tier, reason, at: epochMs() });
    },
  });
}

/** Never rejects. */
async function openTiers(parts: LowerTiersParts, epochMs: () => number): Promise<OpenTiers> {
  const { options, recorder } = parts;
  const onProblem = (error: TuttiError) => reportProblem(parts, error);
  const onFailure = () => {
    recorder.storeErrors += 1;
  };
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

function reportProblem({ options, time, observers }: LowerTiersParts, error: TuttiError): void {
  const { code, message, details } = error;
  options.logger.warn({ code, ...details }, message);
  if (!observers.wants('cache:error')) return;
  const [tier, operation] = [String(details.tier), String(details.operation)];
  observers.emit('cache:error', { tier, operation, code, message, at: time.epochMs() });
}

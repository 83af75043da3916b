import type { TuttiError } from '../errors/tutti-error.js';
import type { CacheObservers } from './cache-observers.js';
import type { ResolvedResponseCacheOptions } from './cache-options.js';
import type { CacheStatsRecorder } from './cache-stats.js';
import type { SteadyTime } from './steady-time.js';
import { TierStack } from './tiers/tier-stack.js';

/** What the tiers below memory work with. */
export interface LowerTiersParts {
  readonly options: ResolvedResponseCacheOptions;
  readonly time: SteadyTime;
  readonly recorder: CacheStatsRecorder;
  readonly observers: CacheObservers;
}

/** The tiers below memory that the options ask for; their trouble is counted, logged and told to observers. */
export function createLowerTiers(parts: LowerTiersParts): TierStack | undefined {
  const { options, time, recorder, observers } = parts;
  if (options.directory === undefined && options.store === undefined) return undefined;
  const epochMs = () => time.epochMs();
  const onFailure = () => {
    recorder.storeErrors += 1;
  };
  const onProblem = (error: TuttiError) => reportProblem(parts, error);
  return new TierStack({
    open: async () => {
      // Loaded with the first use, not with the package: the tier on disk brings SQLite.
      const { openTiers } = await import('./open-tiers.js');
      return openTiers(options, epochMs, { onProblem, onFailure });
    },
    epochMs,
    onReject: ({ key, agent }, tier, reason) => {
      recorder.integrityFailures += 1;
      options.logger.warn({ key, tier, reason }, 'a stored cache entry was refused and removed');
      if (!observers.wants('cache:reject')) return;
      observers.emit('cache:reject', { key, agent, tier, reason, at: epochMs() });
    },
  });
}

function reportProblem({ options, time, observers }: LowerTiersParts, error: TuttiError): void {
  const { code, message, details } = error;
  options.logger.warn({ code, ...details }, message);
  if (!observers.wants('cache:error')) return;
  const [tier, operation] = [String(details.tier), String(details.operation)];
  observers.emit('cache:error', { tier, operation, code, message, at: time.epochMs() });
}

import { fieldOf } from '../errors/foreign.js';
import type { TuttiError } from '../errors/tutti-error.js';
import type { CacheObservers } from './cache-observers.js';
import type { ResolvedResponseCacheOptions } from './cache-options.js';
import type { CacheStatsRecorder } from './cache-stats.js';
import type { Namespaces } from './namespaces.js';
import { openTiers } from './open-tiers.js';
import type { SteadyTime } from './steady-time.js';
import { TierStack } from './tiers/tier-stack.js';

/** Collaborators of the tiers below memory. */
export interface LowerTiersParts {
  readonly options: ResolvedResponseCacheOptions;
  readonly time: SteadyTime;
  readonly recorder: CacheStatsRecorder;
  readonly observers: CacheObservers;
  readonly namespaces: Namespaces | undefined;
  /** A tier lost what it held. */
  readonly onFileLost: () => void;
}

/** Opens the tiers below memory that the options name. Their failures are counted, logged and emitted. Never rejects. */
export async function openLowerTiers(parts: LowerTiersParts): Promise<TierStack> {
  const { options, time, recorder, observers, namespaces } = parts;
  const epochMs = () => time.epochMs();
  let isTold = false;
  let hasNoDriver = false;
  const onFailure = () => {
    recorder.storeErrors += 1;
  };
  const onProblem = (error: TuttiError) => {
    // Without a driver nothing can be written either, which need not be said again.
    reportProblem(parts, error, !hasNoDriver);
    hasNoDriver ||= fieldOf(error.cause, 'problem') === 'driver-missing';
  };
  const tiers = await openTiers({ ...options, namespaces }, epochMs, {
    onProblem,
    onFailure,
    onFileLost: parts.onFileLost,
  });
  return new TierStack(tiers, {
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

function reportProblem(
  { options, time, observers }: LowerTiersParts,
  error: TuttiError,
  isNews: boolean,
): void {
  const { code, message, details } = error;
  if (isNews) options.logger.warn({ code, ...details }, message);
  if (!observers.wants('cache:error')) return;
  const [tier, operation] = [String(details.tier), String(details.operation)];
  observers.emit('cache:error', { tier, operation, code, message, at: time.epochMs() });
}

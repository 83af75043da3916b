import pTimeout from 'p-timeout';
import type { ProviderUsers } from '../calls/admission/provider-users.js';
import type { CallServices } from '../calls/call-services.js';
import { ClosedError } from '../errors/input-errors.js';
import type { OpenRun } from '../runs/task-run.js';
import type { Clock, TimerHandle } from '../time/clock.js';

/** Lets what was accepted finish for `drainMs`, then aborts it and waits until it has stopped or was abandoned. */
export async function shutDown(
  services: CallServices,
  runs: Set<OpenRun>,
  providers: ProviderUsers,
  drainMs: number,
): Promise<void> {
  const { cache, calls, clock, events, overdue, permits } = services;
  if (events.wants('orchestrator:close')) {
    events.emit('orchestrator:close', { at: clock.epochMs(), running: permits.held, drainMs });
  }
  const drained = Promise.all([calls.whenEmpty(), ...[...runs].map((run) => run.done)]);
  if (drainMs > 0)
    await pTimeout(drained, { milliseconds: drainMs, fallback: () => [], customTimers: timersOf(clock) });
  const closed = new ClosedError('orchestrator');
  for (const run of runs) run.cancel((call) => call.cancelBecause('the orchestrator was closed'), closed);
  for (const call of calls.all()) call.cancelBecause('the orchestrator was closed');
  await drained;
  // From here on only work that ignores its signal is left; closing waits for it as a queued call would.
  overdue.closing();
  await Promise.all([cache?.close(cacheTimeoutMs(drainMs)), permits.whenIdle()]);
  await providers.closeAll();
}

/** A store that hangs must not keep an orchestrator open that was given little time to close. */
function cacheTimeoutMs(drainMs: number): number {
  return Math.min(4_500, Math.max(1_500, drainMs));
}

function timersOf(clock: Clock): { setTimeout: typeof setTimeout; clearTimeout: typeof clearTimeout } {
  return {
    setTimeout: ((callback: () => void, ms: number) =>
      clock.setTimeout(callback, ms, undefined)) as typeof setTimeout,
    clearTimeout: (timer: TimerHandle) => clock.clearTimeout(timer),
  };
}

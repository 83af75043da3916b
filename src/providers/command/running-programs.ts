import { systemClock, type TimerHandle } from '../../time/clock.js';
import { killProgramNow, type StartedProgram } from './end-program.js';
import { startWatcher, stopWatcher, unwatchGroup, watchGroup } from './parent-watcher.js';

/** How long the watcher stays without a program, in milliseconds: starting it takes as long as starting a program. */
const IDLE_MS = 1_000;

const running = new Set<StartedProgram>();
let idleTimer: TimerHandle;

/** To be called before a program is started, so that no moment is left in which our process could be killed unnoticed. */
export function expectProgram(): void {
  systemClock.clearTimeout(idleTimer);
  startWatcher();
}

/**
 * Adds a program to those that are running until it is forgotten. A program leads a process group of its own, so
 * nothing would end it if our process ended first: one `exit` listener kills what still runs, and the watcher does
 * when our process is killed.
 */
export function noteRunning(program: StartedProgram): void {
  if (running.size === 0) process.on('exit', killAll);
  running.add(program);
  if (program.child.pid !== undefined) watchGroup(program.child.pid);
}

/** Forgets a program that has ended. */
export function forgetRunning(program: StartedProgram): void {
  if (!running.delete(program)) return;
  if (program.child.pid !== undefined) unwatchGroup(program.child.pid);
  if (running.size > 0) return;
  process.removeListener('exit', killAll);
  stopWatcherLater();
}

/** Ends the watcher in a while, unless a program is started before. */
export function stopWatcherLater(): void {
  systemClock.clearTimeout(idleTimer);
  idleTimer = systemClock.setTimeout(stopIdleWatcher, IDLE_MS, undefined);
  (idleTimer as { unref?(): void }).unref?.();
}

/** Ends the watcher now, unless a program is running. */
export function stopIdleWatcher(): void {
  if (running.size > 0) return;
  systemClock.clearTimeout(idleTimer);
  stopWatcher();
}

function killAll(): void {
  for (const program of running) killProgramNow(program);
}

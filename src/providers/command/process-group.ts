import { type ChildProcess, spawn } from 'node:child_process';
import { type Clock, systemClock } from '../../time/clock.js';

/** How often a group that was asked to end is looked at, in milliseconds. */
const POLL_MS = 20;

/**
 * Ends a program and everything it started: SIGTERM to its process group, SIGKILL after the grace time. Resolves
 * when the program has exited and its group is empty or has been killed.
 *
 * On Windows, which has no process groups, `taskkill /T /F` ends the tree at once.
 */
export async function endProcessGroup(
  child: ChildProcess,
  killGraceMs: number,
  clock: Clock = systemClock,
): Promise<void> {
  if (child.pid === undefined) return;
  if (process.platform === 'win32') {
    await killTreeOnWindows(child.pid);
  } else if (signalGroup(child.pid, 'SIGTERM')) {
    const killAt = clock.now() + killGraceMs;
    while (signalGroup(child.pid, 0)) {
      if (clock.now() >= killAt) {
        signalGroup(child.pid, 'SIGKILL');
        break;
      }
      await pause(POLL_MS, clock);
    }
  }
  await exited(child);
}

/** Kills the group without waiting, for when our own process ends. */
export function killProcessGroupNow(child: ChildProcess): void {
  if (child.pid === undefined) return;
  if (process.platform === 'win32') child.kill();
  else signalGroup(child.pid, 'SIGKILL');
}

/** Sends a signal to the group that the program leads; says whether anyone is left in it. */
function signalGroup(leaderPid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-leaderPid, signal);
    return true;
  } catch (error) {
    // Not allowed to signal it means that it is there: a member runs as another user.
    return (error as { code?: unknown }).code === 'EPERM';
  }
}

function killTreeOnWindows(pid: number): Promise<void> {
  return new Promise((resolve) => {
    const killer = spawn('taskkill', ['/pid', String(pid), '/T', '/F'], {
      stdio: 'ignore',
      windowsHide: true,
    });
    killer.once('error', () => resolve());
    killer.once('close', () => resolve());
  });
}

function exited(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once('exit', () => resolve()));
}

function pause(delayMs: number, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimeout(resolve, delayMs, undefined);
  });
}

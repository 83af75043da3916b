import { type ChildProcess, spawn } from 'node:child_process';
import { type Clock, systemClock } from '../../time/clock.js';
import {
  findDescendants,
  findMarked,
  findMarkedAfter,
  isGroupRunning,
  isRunning,
  type KnownProcess,
} from './marked-processes.js';

/** A program that was started, and what everything that it starts can be recognised by. */
export interface StartedProgram {
  readonly child: ChildProcess;
  readonly marker: string;
  /** When it was started, by the clock that ends it. */
  readonly startedAtMs: number;
}

/** How soon a program that was asked to end is looked at, and how rarely at most, in milliseconds. */
const FIRST_POLL_MS = 10;
const LAST_POLL_MS = 160;
/** Looks at all processes that many programs may share, by their age in milliseconds. */
const SHARED_LOOK_MS = 20;
/** A program that has run for so long may be followed by any process id, in milliseconds. */
const SHORT_RUN_MS = 5_000;
/** How often to look again where a look may have missed processes. */
const MAX_UNSURE_LOOKS = 5;
const UNSURE_PAUSE_MS = 5;
/** How long what was killed may take to be gone, in milliseconds: a disk that hangs can hold it. */
const GONE_AFTER_MS = 5_000;

/**
 * Ends a program and everything it started: SIGTERM, and SIGKILL after the grace time. That is its process group,
 * on Linux also every process that carries its marker or descends from one that does, whatever group or session it is
 * in. On Windows `taskkill /T /F` ends the tree at once.
 *
 * @returns Whether all of it is gone.
 */
export async function endProgram(
  program: StartedProgram,
  killGraceMs: number,
  clock: Clock = systemClock,
): Promise<boolean> {
  const { child } = program;
  if (child.pid === undefined) return true;
  if (process.platform === 'win32') await killTreeOnWindows(child.pid);
  else if (await isAnyLeft(program, clock)) await endAll(program, killGraceMs, clock);
  return hasEnded(child) || (await endsWithin(child, GONE_AFTER_MS, clock));
}

/** Kills a program and everything it started without waiting, for when our own process ends. */
export function killProgramNow({ child, marker }: StartedProgram): void {
  if (child.pid === undefined) return;
  if (process.platform === 'win32') child.kill();
  else killAll(child, marker, [], systemClock.now());
}

async function isAnyLeft(program: StartedProgram, clock: Clock): Promise<boolean> {
  const { child, marker, startedAtMs } = program;
  const pid = child.pid as number;
  if (!hasEnded(child) || isGroupLeft(pid)) return true;
  // The plain path: the program has ended and its group is empty.
  const isShort = clock.now() - startedAtMs < SHORT_RUN_MS;
  for (let look = 0; look < MAX_UNSURE_LOOKS; look++) {
    const now = clock.now();
    const { pids, isUnsure } = isShort ? findMarkedAfter(marker, pid, now) : findMarked(marker, now);
    if (pids.length > 0) return true;
    if (!isUnsure) return false;
    await pause(UNSURE_PAUSE_MS, clock);
  }
  return false;
}

async function endAll({ child, marker }: StartedProgram, killGraceMs: number, clock: Clock): Promise<void> {
  const pid = child.pid as number;
  const marked = findMarked(marker, clock.now()).pids;
  // Found first: once its parents have ended, what cleared its environment can no longer be recognised.
  const unmarked = findDescendants(new Set(hasEnded(child) ? marked : [...marked, pid]));
  signalGroup(pid, 'SIGTERM');
  for (const each of marked) signalProcess(each, 'SIGTERM');
  for (const each of unmarked) signalProcess(each.pid, 'SIGTERM');
  let unsureLooks = 0;
  const isThere = (): boolean => {
    if (!hasEnded(child) || isGroupLeft(pid) || unmarked.some(isRunning)) return true;
    const { pids, isUnsure } = findMarked(marker, clock.now(), SHARED_LOOK_MS);
    if (pids.length === 0 && isUnsure) unsureLooks += 1;
    return pids.length > 0 || (isUnsure && unsureLooks < MAX_UNSURE_LOOKS);
  };
  const killAt = clock.now() + killGraceMs;
  for (let delayMs = FIRST_POLL_MS; isThere(); delayMs = Math.min(2 * delayMs, LAST_POLL_MS)) {
    const leftMs = killAt - clock.now();
    if (leftMs <= 0) return killUntilGone(child, marker, unmarked, clock);
    await pause(Math.min(delayMs, leftMs), clock);
  }
}

/** Kills until nothing is found: what was starting when it was looked for may come up later. */
async function killUntilGone(
  child: ChildProcess,
  marker: string,
  unmarked: readonly KnownProcess[],
  clock: Clock,
): Promise<void> {
  const giveUpAt = clock.now() + GONE_AFTER_MS;
  let unsureLooks = 0;
  while (clock.now() < giveUpAt) {
    killAll(child, marker, unmarked, clock.now());
    await pause(FIRST_POLL_MS, clock);
    const { pids, isUnsure } = findMarked(marker, clock.now());
    if (pids.length > 0) continue;
    unsureLooks += 1;
    if (!isUnsure || unsureLooks >= MAX_UNSURE_LOOKS) return;
  }
}

/** Stops everything before it kills any of it: what is stopped starts nothing, and still has its parents. */
function killAll(
  child: ChildProcess,
  marker: string,
  unmarked: readonly KnownProcess[],
  nowMs: number,
): void {
  const pid = child.pid as number;
  const stopped = new Set<number>(hasEnded(child) ? [] : [pid]);
  const stop = (pids: readonly number[]): boolean => {
    const fresh = pids.filter((each) => !stopped.has(each));
    for (const each of fresh) {
      signalProcess(each, 'SIGSTOP');
      stopped.add(each);
    }
    return fresh.length > 0;
  };
  signalGroup(pid, 'SIGSTOP');
  stop(unmarked.filter(isRunning).map((each) => each.pid));
  let isNew = true;
  while (isNew) {
    const isMarkedNew = stop(findMarked(marker, nowMs).pids);
    isNew = stop(findDescendants(stopped).map((each) => each.pid)) || isMarkedNew;
  }
  signalGroup(pid, 'SIGKILL');
  for (const each of stopped) signalProcess(each, 'SIGKILL');
}

function isGroupLeft(leaderPid: number): boolean {
  return signalGroup(leaderPid, 0) && isGroupRunning(leaderPid);
}

/** Sends a signal to the group that the program leads; returns whether there is one, if only of what has ended. */
function signalGroup(leaderPid: number, signal: NodeJS.Signals | 0): boolean {
  return signalProcess(-leaderPid, signal);
}

function signalProcess(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    // Not being allowed to signal it means that it is there: it runs as another user.
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

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** Whether the program ends in time; one that runs as another user cannot be killed. */
function endsWithin(child: ChildProcess, timeoutMs: number, clock: Clock): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = clock.setTimeout(resolve, timeoutMs, false);
    child.once('exit', () => {
      clock.clearTimeout(timer);
      resolve(true);
    });
  });
}

function pause(delayMs: number, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimeout(resolve, delayMs, undefined);
  });
}

import { readdirSync, readFileSync } from 'node:fs';
import { ownToken } from './program-marker.js';

/*
 * Linux shows the environment that each process was started with. A process keeps its marker when it forks, leads a
 * group or a session of its own, or loses its parent. Elsewhere nothing is found, and process groups have to do.
 */

/** What a look at all processes found. */
export interface MarkedProcesses {
  /** Ids of the processes that carry the marker. */
  readonly pids: readonly number[];
  /**
   * Whether another look may find more: a process had no environment yet, or one that was listed has ended since and may
   * have started one that was not.
   */
  readonly isUnsure: boolean;
}

interface OwnProcess {
  readonly pid: number;
  readonly environment: Buffer;
}

interface Scan {
  readonly atMs: number;
  readonly own: readonly OwnProcess[];
  readonly isUnsure: boolean;
}

let lastScan: Scan | undefined;

/** Processes that had ended when they were last looked at, by id: when they were started. */
const endedBefore = new Map<number, string>();
const MAX_ENDED_KNOWN = 10_000;

/**
 * Finds the processes that carry the marker.
 *
 * @param maxAgeMs How old the look at all processes may be, in milliseconds; many programs that end together share one.
 */
export function findMarked(marker: string, nowMs: number, maxAgeMs = 0): MarkedProcesses {
  const last = lastScan;
  const scan = last !== undefined && nowMs - last.atMs < maxAgeMs ? last : lookAtAll(nowMs);
  const marked = scan.own.filter(({ environment }) => environment.includes(marker));
  return { pids: marked.map(({ pid }) => pid), isUnsure: scan.isUnsure };
}

/**
 * Finds the processes that carry the marker among those that were started after another one. Much cheaper, for
 * programs that have run for a moment only: process ids are given out in ascending order, and begin again at the end.
 */
export function findMarkedAfter(marker: string, pid: number, nowMs: number): MarkedProcesses {
  const newest = Number(readText('/proc/loadavg')?.split(' ').at(-1));
  if (!(newest >= pid)) return findMarked(marker, nowMs);
  const { own, isUnsure } = look((found) => found > pid);
  const marked = own.filter(({ environment }) => environment.includes(marker));
  return { pids: marked.map((process) => process.pid), isUnsure };
}

/** A process, and when it was started: its id may be given to another one once it has ended. */
export interface KnownProcess {
  readonly pid: number;
  readonly startedAt: string;
}

/** All processes whose chain of parents leads to one of these. */
export function findDescendants(ancestors: ReadonlySet<number>): KnownProcess[] {
  const parents = new Map<number, number>();
  const known: KnownProcess[] = [];
  for (const pid of processIds()) {
    const stat = statOf(pid);
    if (stat === undefined) continue;
    parents.set(pid, stat.parent);
    known.push({ pid, startedAt: stat.startedAt });
  }
  const descends = (pid: number): boolean => {
    let at = parents.get(pid);
    // No chain is longer than all of them; ids that were reused meanwhile could make a ring.
    for (let left = parents.size; at !== undefined && left > 0; left--) {
      if (ancestors.has(at)) return true;
      at = parents.get(at);
    }
    return false;
  };
  return known.filter(({ pid }) => !ancestors.has(pid) && descends(pid));
}

/**
 * Whether a process group has a member that is running. Members that have ended are in it until they are collected,
 * which may be never: in a container often nothing does that. Where /proc is missing, the answer is yes.
 */
export function isGroupRunning(group: number): boolean {
  const pids = processIds();
  return pids.length === 0 || pids.some((pid) => isMember(pid, group));
}

function isMember(pid: number, group: number): boolean {
  const stat = statOf(pid);
  return stat !== undefined && stat.group === group && !hasEnded(stat);
}

/** Whether the process is still running. */
export function isRunning({ pid, startedAt }: KnownProcess): boolean {
  const stat = statOf(pid);
  return stat !== undefined && stat.startedAt === startedAt && !hasEnded(stat);
}

function lookAtAll(nowMs: number): Scan {
  lastScan = { atMs: nowMs, ...look(() => true) };
  return lastScan;
}

function look(isWanted: (pid: number) => boolean): Omit<Scan, 'atMs'> {
  const token = ownToken();
  const own: OwnProcess[] = [];
  let isUnsure = false;
  for (const pid of processIds()) {
    if (pid === process.pid || !isWanted(pid)) continue;
    const environment = readBytes(`/proc/${pid}/environ`);
    if (environment?.includes(token)) own.push({ pid, environment });
    else if (!environment?.length) isUnsure = mayHideMore(pid, environment) || isUnsure;
  }
  return { own, isUnsure };
}

function processIds(): number[] {
  try {
    return readdirSync('/proc')
      .map(Number)
      .filter((pid) => pid > 0);
  } catch {
    return [];
  }
}

/** Flag of a process that belongs to the kernel and never has an environment. */
const KERNEL_THREAD = 0x0020_0000;

/**
 * Whether a process without an environment may be one of ours, or have started one that was not listed yet: it is being
 * started, or it has ended since it was listed. What had ended before, and was not collected, hides nothing.
 */
function mayHideMore(pid: number, environment: Buffer | undefined): boolean {
  const stat = statOf(pid);
  if (stat === undefined) return true;
  // One of another user cannot be read; one of the kernel has none.
  if (!hasEnded(stat)) return environment !== undefined && (stat.flags & KERNEL_THREAD) === 0;
  const isKnown = endedBefore.get(pid) === stat.startedAt;
  if (endedBefore.size >= MAX_ENDED_KNOWN) endedBefore.clear();
  endedBefore.set(pid, stat.startedAt);
  return !isKnown;
}

interface ProcessStat {
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  readonly flags: number;
  readonly startedAt: string;
}

/** A process that has ended stays listed until its parent asks for it. */
function hasEnded({ state }: ProcessStat): boolean {
  return state === 'Z' || state === 'X';
}

function statOf(pid: number): ProcessStat | undefined {
  const text = readText(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // The name before the last bracket may contain anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state = '', parent, group, , , , flags] = fields;
  const numbers = { parent: Number(parent), group: Number(group), flags: Number(flags) };
  return { state, ...numbers, startedAt: fields[19] ?? '' };
}

/** `undefined` for what has ended meanwhile, or is another user's. */
function readBytes(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

function readText(path: string): string | undefined {
  return readBytes(path)?.toString('latin1');
}

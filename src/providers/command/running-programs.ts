import type { ChildProcess } from 'node:child_process';
import { killProcessGroupNow } from './process-group.js';

const running = new Set<ChildProcess>();

/**
 * Notes a program as running until it is forgotten. A program leads a process group of its own, so nothing
 * would end it if our process ended first: one `exit` listener, while there is any, kills what still runs.
 */
export function noteRunning(child: ChildProcess): void {
  if (running.size === 0) process.on('exit', killAll);
  running.add(child);
}

/** Forgets a program that has ended. */
export function forgetRunning(child: ChildProcess): void {
  if (running.delete(child) && running.size === 0) process.removeListener('exit', killAll);
}

function killAll(): void {
  for (const child of running) killProcessGroupNow(child);
}

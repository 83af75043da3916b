import { type ChildProcess, spawn } from 'node:child_process';
import { ownToken } from './program-marker.js';

/*
 * When our process is killed, nothing in it can run. So a shell beside it reads from a pipe that ends with it, however
 * it ends, and kills what is left: the process groups it was given, and on Linux everything that carries a marker of
 * ours. One shell is enough for all programs; it sleeps until then.
 */
const SCRIPT = `
trap '' HUP INT TERM QUIT TSTP
groups=
while read -r what group; do
  case $what in
    add) groups="$groups $group" ;;
    remove)
      kept=
      for each in $groups; do [ "$each" = "$group" ] || kept="$kept $each"; done
      groups=$kept ;;
  esac
done
stop_children() {
  for child in $(cat "/proc/$1"/task/*/children); do
    kill -STOP "$child"
    found="$found $child"
    stop_children "$child"
  done
}
found=
for each in $groups; do
  kill -STOP -- "-$each"
  [ -r /proc/self/environ ] && stop_children "$each"
done
for each in $groups; do kill -9 -- "-$each"; done
[ -z "$found" ] || kill -9 $found
[ -r /proc/self/environ ] || exit 0
empty=0
rounds=0
while [ $empty -lt 3 ] && [ $rounds -lt 200 ]; do
  rounds=$((rounds + 1))
  found=
  for file in $(grep -ls -- "$1" /proc/[0-9]*/environ); do
    pid=\${file#/proc/}
    pid=\${pid%/environ}
    kill -STOP "$pid"
    found="$found $pid"
    stop_children "$pid"
  done
  if [ -z "$found" ]; then
    empty=$((empty + 1))
    sleep 0.05 || sleep 1
  else
    empty=0
    kill -9 $found
  fi
done
`;

let watcher: ChildProcess | undefined;

/** Starts the watcher, unless it is there. A system without a shell has none: there only our own process ends programs. */
export function startWatcher(): void {
  if (process.platform !== 'win32') watcher ??= spawnWatcher();
}

/** Has a program's process group killed should our process be killed. */
export function watchGroup(pid: number): void {
  send(`add ${pid}\n`);
}

/** Has the watcher forget a process group. */
export function unwatchGroup(pid: number): void {
  send(`remove ${pid}\n`);
}

/** Ends the watcher; the next program starts another one. */
export function stopWatcher(): void {
  watcher?.kill('SIGKILL');
  watcher = undefined;
}

function send(line: string): void {
  watcher?.stdin?.write(line);
}

function spawnWatcher(): ChildProcess | undefined {
  try {
    const child = spawn('/bin/sh', ['-c', SCRIPT, 'tutti-watcher', ownToken()], {
      // A session of its own: what kills our group must not kill it, and it must not carry a marker itself.
      detached: true,
      cwd: '/',
      env: { PATH: process.env.PATH ?? '/usr/bin:/bin' },
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    forgetWhenOver(child);
    return child;
  } catch {
    return undefined;
  }
}

function forgetWhenOver(child: ChildProcess): void {
  const forget = (): void => {
    if (watcher === child) watcher = undefined;
  };
  child.on('error', forget);
  child.once('exit', forget);
  child.stdin?.on('error', forget);
  // It waits for our process; our process does not wait for it.
  child.unref();
  (child.stdin as unknown as { unref?(): void } | null)?.unref?.();
}

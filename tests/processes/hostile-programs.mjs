// Programs that do what they can to outlive their call, as shell scripts. `$T` is how long they sleep: a number that
// no other process has among its arguments, so that what is left of them is found.
export const HOSTILE = {
  sleeps: 'sleep $T',
  'closes its output and sleeps': 'exec >&- 2>&-; sleep $T',
  'closes its input and output': 'exec <&- >&- 2>&-; sleep $T',
  'ignores SIGTERM': "trap '' TERM; sleep $T; sleep $T",
  'ignores all signals that it can':
    "trap '' HUP INT QUIT TERM USR1 USR2 TSTP PIPE; while :; do sleep $T; done",
  'stops itself': 'kill -STOP $$; sleep $T',
  'forks and waits': 'sleep $T & sleep $T & sleep $T & wait',
  'forks and exits, with its output left open': 'sleep $T & exit 0',
  'forks and exits, with all closed': 'sleep $T <&- >&- 2>&- & exit 0',
  'forks twice': '( ( sleep $T & ) & ); sleep $T',
  'forks a child that ignores SIGTERM': "( trap '' TERM; sleep $T; sleep $T ) & wait",
  'gives its children groups of their own': 'set -m; sleep $T & sleep $T & wait',
  'starts a session and waits': 'setsid -w sleep $T',
  'starts a session and exits': 'setsid sleep $T & exit 0',
  'starts a session, closes all and exits': 'setsid sleep $T <&- >&- 2>&- & exit 0',
  'starts a session and fails': 'setsid sleep $T >&- 2>&- & exit 3',
  'starts a session that ignores SIGTERM': `setsid sh -c "trap '' TERM; sleep $T; sleep $T" >&- 2>&- & exit 0`,
  'starts a session in a session': 'setsid setsid setsid sleep $T >&- 2>&- & sleep 0.1',
  'starts a session later': '(sleep 0.2; setsid sleep $T) >&- 2>&- & exit 0',
  'starts a session from a session, later':
    "setsid sh -c 'sleep 0.2; setsid sleep $T & sleep $T' >&- 2>&- & exit 0",
  'becomes a daemon': "setsid sh -c '( cd /; umask 0; sleep $T & ) &' <&- >&- 2>&- & exit 0",
  'ignores that its session ends': 'setsid nohup sleep $T >&- 2>&- & sleep $T',
  'clears the environment of its children': 'env -i sleep $T & env -i sleep $T & wait',
  'clears the environment of a session that it waits for': 'setsid -w env -i sleep $T',
  'becomes another program': 'exec sleep $T',
  'becomes another program in a session of its own': 'exec setsid -w sleep $T',
  'writes without end': 'setsid sleep $T & while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done',
  'forks without end': 'f() { sleep 0.01; f & }; f; f; sleep $T',
  'starts sessions without end':
    "setsid sh -c 'while :; do setsid sleep $T & sleep 0.05; done' >&- 2>&- & sleep $T",
  'leaves a child that has ended': 'true & setsid sleep $T & sleep $T',
  'starts many': 'for n in 1 2 3 4 5 6 7 8 9 10; do sleep $T & setsid sleep $T & done; wait',
};

/** The script with its number in it. */
export function hostileScript(script, sleepSeconds) {
  return script.replaceAll('$T', String(sleepSeconds));
}

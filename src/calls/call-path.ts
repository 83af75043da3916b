import { TimeoutError } from '../errors/execution-errors.js';
import type { Call } from './call.js';
import { publishStart } from './call-events.js';
import { queueUp } from './run-call.js';
import { failCall } from './settle-call.js';

// The path of one call, top to bottom. It was checked before it was made (call-admission). Here it gets its
// deadline and signals; the cache answers it or has it wait for an identical one (cached-calls); else it waits
// for a permit, makes its attempts (run-call), and settles as a result or a failure (settle-call).

/** Sets the call on its way. Whatever happens, it settles exactly once. */
export function submitCall(call: Call): void {
  const { parts, settings } = call;
  parts.calls.add(call);
  publishStart(call);
  if (settings.deadlineMs !== undefined) {
    call.deadlineTimer = parts.clock.setTimeout(passDeadline, settings.deadlineMs, call);
  }
  if (call.options?.signal !== undefined) parts.signals.link(call.options.signal, call);
  if (parts.options.signal !== undefined) parts.signals.link(parts.options.signal, call);
  if (call.reason !== undefined) failCall(call, call.reason);
  else if (parts.cache?.take(call) !== true) queueUp(call);
}

// A plain function that gets its call as an argument, so that a timer needs no closure.
function passDeadline(call: Call): void {
  const deadlineMs = call.settings.deadlineMs as number;
  call.cancel(new TimeoutError('deadline', deadlineMs, { agent: call.agent, attempt: call.attempts }));
}

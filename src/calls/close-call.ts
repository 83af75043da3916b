import type { CallOutcome } from '../contracts/result.js';
import type { Call } from './call.js';
import { publishEnd } from './call-events.js';

/** Takes away what submitting a call has set up, and tells of its end. */
export function closeCall(call: Call, outcome: CallOutcome): void {
  const { parts } = call;
  if (call.deadlineTimer !== undefined) parts.clock.clearTimeout(call.deadlineTimer);
  if (call.options?.signal !== undefined) parts.signals.unlink(call.options.signal, call);
  if (parts.options.signal !== undefined) parts.signals.unlink(parts.options.signal, call);
  parts.calls.delete(call);
  publishEnd(call, outcome);
}

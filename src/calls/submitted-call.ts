import type { CallOutcome } from '../contracts/result.js';
import { Call } from './call.js';
import { closeCall } from './close-call.js';
import { startCall } from './run-call.js';
import { failCall } from './settle-call.js';

/** A call that somebody made and waits for. */
export abstract class SubmittedCall extends Call {
  start(): Promise<void> | undefined {
    return startCall(this);
  }

  withdrawn(reason: Error): void {
    failCall(this, reason);
  }

  settle(outcome: CallOutcome): void {
    closeCall(this, outcome);
    this.deliverOutcome(outcome);
  }

  /** Hands the outcome to whoever made the call. */
  protected abstract deliverOutcome(outcome: CallOutcome): void;
}

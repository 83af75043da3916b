import { Call } from './call.js';
import { failCall, startCall } from './run-call.js';

/** A call that takes the path of {@link startCall} once it has its permit. */
export abstract class SubmittedCall extends Call {
  start(): Promise<void> | undefined {
    return startCall(this);
  }

  withdrawn(reason: Error): void {
    failCall(this, reason);
  }
}

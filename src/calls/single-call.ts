import type { AgentResult, CallOutcome } from '../contracts/result.js';
import type { CallRequest } from './call.js';
import { submitCall } from './call-path.js';
import { SubmittedCall } from './submitted-call.js';

/** Makes one call; rejects with its error when it fails. */
export function executeCall(request: CallRequest): Promise<AgentResult> {
  return new Promise((resolve) => submitCall(new SingleCall(request, resolve)));
}

class SingleCall extends SubmittedCall {
  // Only `resolve` is kept: the pair of functions would weigh as much again as half the waiting call.
  readonly #resolve: (outcome: AgentResult | Promise<never>) => void;

  constructor(request: CallRequest, resolve: (outcome: AgentResult | Promise<never>) => void) {
    super(request);
    this.#resolve = resolve;
  }

  protected deliverOutcome(outcome: CallOutcome): void {
    this.#resolve(outcome.success ? outcome : Promise.reject(outcome.error));
  }
}

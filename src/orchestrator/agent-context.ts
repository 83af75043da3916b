import type { AgentContext } from '../contracts/agent.js';
import type { Logger } from '../logging/logger.js';
import type { Call } from './call.js';
import type { RunningAttempt } from './running-attempt.js';

const NO_PARAMS: Readonly<Record<string, unknown>> = Object.freeze({});

/** What an agent sees of its call. Getters, so that what it does not look at is never made. */
export class CallContext implements AgentContext {
  readonly #call: Call;
  readonly #attempt: RunningAttempt;
  #logger: Logger | undefined = undefined;

  constructor(call: Call, attempt: RunningAttempt) {
    this.#call = call;
    this.#attempt = attempt;
  }

  get agent(): string {
    return this.#call.agent;
  }

  get callId(): string {
    return this.#call.callId;
  }

  get attempt(): number {
    return this.#attempt.number;
  }

  get signal(): AbortSignal {
    return this.#attempt.signal;
  }

  get model(): string | undefined {
    return this.#call.model;
  }

  get params(): Readonly<Record<string, unknown>> {
    const own = this.#call.definition.params;
    const asked = this.#call.options?.params;
    if (asked === undefined) return own ?? NO_PARAMS;
    return own === undefined ? asked : { ...own, ...asked };
  }

  get logger(): Logger {
    if (this.#logger === undefined) {
      const { logger } = this.#call.parts;
      this.#logger = logger.child?.({ agent: this.agent, callId: this.callId }) ?? logger;
    }
    return this.#logger;
  }
}

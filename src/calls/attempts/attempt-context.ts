import type { AgentContext } from '../../contracts/agent.js';
import type { AgentTaskInput } from '../../contracts/task-content.js';
import type { Logger } from '../../logging/logger.js';
import type { Call } from '../call.js';
import type { RunningAttempt } from './running-attempt.js';

/** What an agent sees of its call. Getters, so that what it does not look at is never made. */
export class AttemptContext implements AgentContext {
  readonly #call: Call;
  readonly #attempt: RunningAttempt;
  #logger: Logger | undefined = undefined;

  constructor(call: Call, attempt: RunningAttempt) {
    this.#call = call;
    this.#attempt = attempt;
  }

  get agent(): string {
    return this.#attempt.target.definition.name;
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

  get input(): AgentTaskInput {
    const { task } = this.#call;
    return typeof task === 'string' ? { text: task, messages: [], files: [] } : task.input;
  }

  get model(): string | undefined {
    return this.#call.modelOf(this.#attempt.target);
  }

  get params(): Readonly<Record<string, unknown>> {
    return this.#call.paramsOf(this.#attempt.target);
  }

  get logger(): Logger {
    if (this.#logger === undefined) {
      const { logger } = this.#call.services;
      this.#logger = logger.child?.({ agent: this.agent, callId: this.callId }) ?? logger;
    }
    return this.#logger;
  }
}

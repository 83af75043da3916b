import type { ToolEvent } from '../../contracts/events.js';
import type { RunningTool, ToolHost } from '../../contracts/tool-host.js';
import type { Clock } from '../../time/clock.js';
import type { RunningAttempt } from './running-attempt.js';

/** What an attempt offers to the tools that its provider runs. */
export class AttemptTools implements ToolHost {
  readonly #attempt: RunningAttempt;

  constructor(attempt: RunningAttempt) {
    this.#attempt = attempt;
  }

  get clock(): Clock {
    return this.#attempt.call.services.clock;
  }

  get approvals(): Readonly<Record<string, boolean>> | undefined {
    return this.#attempt.call.options?.approvals;
  }

  get askApproval(): ToolHost['askApproval'] {
    const { call, target, onWait } = this.#attempt;
    const onApproval = call.options?.onApproval ?? target.definition.onApproval ?? call.definition.onApproval;
    if (onApproval === undefined) return undefined;
    return async (request, signal) => {
      const resume = onWait();
      try {
        return await untilAborted(Promise.resolve(onApproval(request, { signal })), signal);
      } finally {
        resume();
      }
    };
  }

  started(tool: RunningTool): (isError: boolean) => void {
    const { events } = this.#attempt.call.services;
    const startedAtMs = this.clock.now();
    if (events.wants('tool:start')) events.emit('tool:start', this.#eventOf(tool));
    return (isError) => {
      if (!events.wants('tool:end')) return;
      const runMs = this.clock.now() - startedAtMs;
      events.emit('tool:end', { ...this.#eventOf(tool), runMs, success: !isError });
    };
  }

  #eventOf({ tool, toolCallId, key }: RunningTool): ToolEvent {
    const { call, number } = this.#attempt;
    const { callId, agent } = call;
    return { callId, agent, at: this.clock.epochMs(), attempt: number, tool, toolCallId, key };
  }
}

/** The answer, or a rejection when the signal is aborted first. */
function untilAborted<Answer>(answer: Promise<Answer>, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason as Error);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

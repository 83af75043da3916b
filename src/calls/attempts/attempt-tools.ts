import { QueueNode } from '../../collections/priority-queue.js';
import type { ToolEvent } from '../../contracts/events.js';
import type { RunningTool, ToolHost } from '../../contracts/tool-host.js';
import { addUsage, type Usage } from '../../contracts/usage.js';
import type { PermitRequest } from '../../resilience/permits/waiting-queue.js';
import type { Clock } from '../../time/clock.js';
import { addCosts } from '../call.js';
import { RESUMED_PRIORITY, type RunningAttempt } from './running-attempt.js';

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
    const { call, target } = this.#attempt;
    const onApproval = call.options?.onApproval ?? target.definition.onApproval ?? call.definition.onApproval;
    if (onApproval === undefined) return undefined;
    // Async, so that what it throws at once is a rejection too.
    return async (request, signal) => untilAborted(Promise.resolve(onApproval(request, { signal })), signal);
  }

  addSpent(usage: Partial<Usage>, costUsd: number | undefined): void {
    const { call } = this.#attempt;
    call.addSpent(usage, costUsd);
    const { ledger } = call;
    if (ledger === undefined) return;
    const before = ledger.ofOtherCalls ?? { usage: {}, costUsd: 0 };
    ledger.ofOtherCalls = {
      usage: addUsage(before.usage, usage),
      costUsd: addCosts(before.costUsd, costUsd),
    };
  }

  lendPermit(): () => Promise<void> {
    const attempt = this.#attempt;
    const resumeClocks = attempt.onWait();
    attempt.admission?.giveBack();
    attempt.lendPermit();
    return () =>
      new Promise((resolve, reject) => {
        if (attempt.reason !== undefined) {
          reject(attempt.reason);
          return;
        }
        let leaveQueue = (): void => {};
        const ended = {
          cancel: (reason: Error): void => {
            leaveQueue();
            reject(reason);
          },
        };
        attempt.add(ended);
        const resumed = (freePermit: () => void): void => {
          attempt.delete(ended);
          attempt.takePermit(freePermit);
          resumeClocks();
          resolve();
        };
        if (attempt.admission !== undefined) attempt.admission.waitAgain(resumed);
        else leaveQueue = waitForPermit(attempt, resumed);
      });
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

/** Waits for a permit in front of calls that have not begun. Returns what ends the wait. */
function waitForPermit(attempt: RunningAttempt, resumed: (freePermit: () => void) => void): () => void {
  const { permits } = attempt.target;
  const request = new PermitReturn(attempt, resumed);
  permits.submit(request);
  return () => void permits.withdraw(request);
}

/** An attempt that has lent its permit and needs one again. */
class PermitReturn extends QueueNode implements PermitRequest {
  readonly priority = RESUMED_PRIORITY;
  readonly queuedAtMs: number;
  readonly tenant: string | undefined;
  readonly agent: string;
  readonly #attempt: RunningAttempt;
  readonly #resumed: (freePermit: () => void) => void;

  constructor(attempt: RunningAttempt, resumed: (freePermit: () => void) => void) {
    super();
    this.queuedAtMs = attempt.call.services.clock.now();
    this.tenant = attempt.call.tenant;
    this.agent = attempt.target.definition.name;
    this.#attempt = attempt;
    this.#resumed = resumed;
  }

  start(): Promise<void> | undefined {
    if (this.#attempt.reason !== undefined) return undefined;
    return new Promise((free) => this.#resumed(free));
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

import { AgentRegistry, type AgentsInput } from '../agents/agent-registry.js';
import type { CacheRequest } from '../cache/cache-key.js';
import { CallAdmission } from '../calls/admission/call-admission.js';
import { checkCallOptions } from '../calls/admission/check-call-options.js';
import type { UnregisteredAgent } from '../calls/admission/unregistered-agent.js';
import { AgentStream } from '../calls/agent-stream.js';
import { cacheRequestOf } from '../calls/cached/call-request.js';
import type { CallRequest } from '../calls/call.js';
import { executeCall } from '../calls/call-path.js';
import type { CallServices } from '../calls/call-services.js';
import type { OrchestratorStats } from '../calls/stats.js';
import type {
  CallFunction,
  CallOptions,
  FunctionCallOptions,
  RunOptions,
  TaskInput,
  TaskSource,
} from '../contracts/call.js';
import type { TuttiEventName, TuttiEvents } from '../contracts/events.js';
import type { CallExplanation } from '../contracts/explanation.js';
import type { Forecast } from '../contracts/forecast.js';
import type { AgentResult, DataResult, IndexedOutcome } from '../contracts/result.js';
import type { TaskContent } from '../contracts/task-content.js';
import { CallNotRecordedError } from '../errors/call-not-recorded-error.js';
import { InvalidArgumentError } from '../errors/input-errors.js';
import type { Unsubscribe } from '../events/typed-emitter.js';
import { mismatch } from '../input/checks.js';
import { describeValue } from '../input/describe-value.js';
import { count, durationMs } from '../input/number-schemas.js';
import { parseOptions } from '../input/parse-options.js';
import { unknownKeyError } from '../input/unknown-key.js';
import { RunStart, runCode } from '../runs/run-start.js';
import type { RunContext } from '../runs/task-admission.js';
import type { OpenRun } from '../runs/task-run.js';
import { createServices } from './create-services.js';
import type {
  AnyAgents,
  AnyName,
  AnyTasks,
  CheckedName,
  CheckedOptions,
  CheckedTasks,
  KnownName,
  OutcomeOf,
  OutcomesOf,
  ResultOf,
  TaskIn,
} from './inferred-types.js';
import { type AsyncOrchestratorOptions, closeOptionsSchema, orchestratorOptionsSchema } from './options.js';
import { shutDown } from './shut-down.js';

/** Settings of {@link AsyncOrchestrator.close}. */
export interface CloseOptions {
  /** How long running work may go on before it is aborted, in milliseconds; 0 aborts at once. @default 20_000 */
  drainMs?: number | undefined;
}

/**
 * Runs agents: many at once under one limit, each call with its timeout, retries, deadline and cancellation.
 *
 * @example
 * ```ts
 * await using orchestrator = new AsyncOrchestrator({
 *   agents: { shout: (task) => task.toUpperCase() },
 *   maxConcurrent: 4,
 * });
 * const result = await orchestrator.execute('shout', 'all together');
 * ```
 *
 * @typeParam Agents The agents given to the constructor: their names and answer types are known to the methods.
 */
export class AsyncOrchestrator<const Agents extends AgentsInput = AnyAgents> implements AsyncDisposable {
  /** The agents it knows; add and remove them at any time. */
  readonly agents: AgentRegistry;
  readonly #services: CallServices;
  readonly #admission: CallAdmission;
  readonly #runs = new Set<OpenRun>();
  readonly #createdAtMs: number;
  #closing: Promise<void> | undefined = undefined;

  /**
   * Takes no time and does no input or output.
   *
   * @throws {@link InvalidArgumentError} for an unknown or invalid option; the message names it.
   * @throws {@link DuplicateAgentError} when two agents have the same name.
   */
  constructor(options: AsyncOrchestratorOptions<Agents> = {}) {
    const resolved = parseOptions(orchestratorOptionsSchema(), options, 'AsyncOrchestrator options');
    this.#services = createServices(resolved);
    this.#createdAtMs = this.#services.clock.now();
    this.#admission = new CallAdmission(this.#services);
    this.agents = new AgentRegistry(options.agents, this.#admission);
    for (const definition of this.agents.list()) this.#admission.checkFallbacks(definition);
  }

  /** Attempts that may run at once. A change takes effect at once; lowering it stops nothing that runs. */
  get maxConcurrent(): number {
    return this.#services.permits.maxConcurrent;
  }

  set maxConcurrent(maxConcurrent: number) {
    this.#services.permits.maxConcurrent = parseOptions(count(1), maxConcurrent, 'maxConcurrent');
    this.#services.traffic.wake();
    for (const run of this.#runs) run.pump();
  }

  /** Longest time of one attempt, in milliseconds, for agents and calls that set none. A change counts from the next call on. */
  get timeoutMs(): number {
    return this.#admission.settings.timeoutMs;
  }

  set timeoutMs(timeoutMs: number) {
    this.#admission.change({ timeoutMs: parseOptions(durationMs(), timeoutMs, 'timeoutMs') });
  }

  /**
   * Makes one call.
   *
   * Rejects with the {@link TuttiError} that ended it: {@link InvalidArgumentError} and {@link UnknownAgentError}
   * before any work is done, {@link QueueFullError}, {@link ClosedError}, {@link CancelledError},
   * {@link TimeoutError}, {@link RetriesExhaustedError}, {@link OutputError}, or what the agent failed with.
   */
  execute<const Name extends AnyName<Agents>, Options extends CallOptions = CallOptions>(
    agent: CheckedName<Agents, Name>,
    task: TaskContent,
    options?: CheckedOptions<CallOptions, Options>,
  ): Promise<ResultOf<Agents, Name, Options>> {
    let request: CallRequest;
    try {
      request = this.#admission.admit(agent, task, options, this.agents);
    } catch (error) {
      return Promise.reject(error);
    }
    return executeCall(request) as Promise<ResultOf<Agents, Name, Options>>;
  }

  /**
   * Makes many calls and gives their outcomes in the order of the input. One failure never loses or delays the
   * others, and the promise does not reject for a task: a failed one is an {@link AgentFailure} in its place.
   *
   * The source is read lazily, as fast as calls can run, so a million tasks need no memory but for their results.
   * An array's tasks are read highest priority first; other sources in their order. When the run is cancelled,
   * an array's unread tasks fail in their places; other sources are read no further.
   *
   * With a `runId` the run keeps a journal, and the same call after a crash runs only what had not finished.
   *
   * Rejects with {@link InvalidArgumentError} for invalid options, with {@link ClosedError}, with
   * {@link RunChangedError}, {@link RunBusyError} or {@link RunJournalError} for a `runId`, with the first failure
   * when `stopOnError` is set, and with {@link TaskSourceError} when the source itself throws.
   */
  async executeMultiple<
    const Tasks extends AnyTasks<Agents> = AnyTasks<Agents>,
    Options extends RunOptions = RunOptions,
  >(
    tasks: CheckedTasks<Agents, Tasks>,
    options?: CheckedOptions<RunOptions, Options>,
  ): Promise<OutcomesOf<Agents, Tasks, Options>> {
    const context = this.#admitRun(options);
    const start = new RunStart(this.#runs);
    try {
      const { collectRun } = runCode.loaded ?? (await start.load());
      const outcomes: unknown = await collectRun(context, tasks as TaskSource, this.#runs);
      return outcomes as OutcomesOf<Agents, Tasks, Options>;
    } finally {
      start.end();
    }
  }

  /**
   * Makes many calls and gives each outcome with its `index` as soon as it has settled. The source is read no
   * faster than outcomes are taken. Leaving the loop early cancels what still runs.
   *
   * Rejects like {@link AsyncOrchestrator.executeMultiple}, at the first `next()`.
   */
  executeEach<
    const Tasks extends AnyTasks<Agents> = AnyTasks<Agents>,
    Options extends RunOptions = RunOptions,
  >(
    tasks: CheckedTasks<Agents, Tasks>,
    options?: CheckedOptions<RunOptions, Options>,
  ): AsyncGenerator<IndexedOutcome<OutcomeOf<Agents, TaskIn<Tasks>, Options>>, void, undefined> {
    return this.#streamRun(tasks as TaskSource, options) as never;
  }

  /**
   * Makes one call whose answer comes piece by piece. It starts at once. An agent that does not stream gives its
   * answer as one piece. Another attempt is made only as long as no event has gone out.
   *
   * @throws {@link InvalidArgumentError}, {@link UnknownAgentError} or {@link ClosedError}
   * before any work is done; everything later reaches the reader.
   */
  stream<const Name extends AnyName<Agents>, Options extends CallOptions = CallOptions>(
    agent: CheckedName<Agents, Name>,
    task: TaskContent,
    options?: CheckedOptions<CallOptions, Options>,
  ): AgentStream<ResultOf<Agents, Name, Options>> {
    return new AgentStream(this.#admission.admit(agent, task, options, this.agents));
  }

  /**
   * Runs any function as a call: under the same permits, timeouts, retries, deadline, priority and, with a `lane`, limits
   * as the calls of agents; with a `key` also with the cache. What it throws is retried as what an agent throws.
   *
   * `result.data` is what the function returned; `result.output` is the same if that is a string, with a `key` its JSON
   * text, else empty. `result.agent` is `run`.
   *
   * Rejects like {@link AsyncOrchestrator.execute}.
   *
   * @example
   * ```ts
   * const { data } = await orchestrator.run(({ signal }) => fetch('https://example.com', { signal }), { lane: 'example' });
   * ```
   */
  run<Value>(fn: CallFunction<Value>, options?: FunctionCallOptions): Promise<DataResult<Value, 'run'>> {
    try {
      return executeCall(this.#admission.admitFunction(fn, options)) as Promise<DataResult<Value, 'run'>>;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** What its calls share, for telemetry, which reads it and changes nothing. @internal */
  get services(): CallServices {
    return this.#services;
  }

  /** Makes a call of an agent that is not registered. @internal */
  callUnregistered(agent: UnregisteredAgent, task: string, options: CallOptions): Promise<AgentResult> {
    try {
      checkCallOptions(options);
      return executeCall(this.#admission.admitUnregistered(agent, task, options));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Subscribes to an event; see `docs/reference/events.md`. A listener that throws is logged and breaks nothing.
   *
   * @throws {@link InvalidArgumentError} for an event that does not exist.
   */
  on<Name extends TuttiEventName>(event: Name, listener: (payload: TuttiEvents[Name]) => void): Unsubscribe {
    const { events } = this.#services;
    if (!events.knows(event)) throw unknownKeyError('', String(event), events.names(), 'event');
    if (typeof listener !== 'function') {
      throw new InvalidArgumentError(
        'listener',
        `listener: expected a function; got ${describeValue(listener)}.`,
      );
    }
    return events.on(event, listener);
  }

  /**
   * The request under which the answer of such a call is stored: for `get`, `set` and `delete` of the cache. Files of
   * the task are read before it returns.
   *
   * @throws {@link InvalidArgumentError} or {@link UnknownAgentError}, as `execute` would reject.
   */
  cacheRequest<const Name extends AnyName<Agents>>(
    agent: Name & CheckedName<Agents, Name>,
    task: TaskContent,
    options?: CallOptions,
  ): CacheRequest {
    if (options !== undefined) checkCallOptions(options);
    return cacheRequestOf(this.#admission.admitTask(agent, task, options, this.agents));
  }

  /**
   * What these tasks would take: calls, answers from the cache, tokens, dollars and time, as p10, p50 and p90. It makes no
   * request: it looks in the cache, and draws the rest from the latest answers of each agent, the limits that its lanes
   * have learned, and prices. What there is no earlier answer for is assumed, and named in `assumptions`.
   *
   * The source is read to its end; a generator has nothing left for the run. `options` are those of the run.
   *
   * Rejects with {@link InvalidArgumentError} for invalid options or a source that cannot be read, with
   * {@link ClosedError}, and with {@link TaskSourceError} when the source itself throws.
   */
  async forecast<
    const Tasks extends AnyTasks<Agents> = AnyTasks<Agents>,
    Options extends RunOptions = RunOptions,
  >(tasks: CheckedTasks<Agents, Tasks>, options?: CheckedOptions<RunOptions, Options>): Promise<Forecast> {
    const context = this.#admitRun(options);
    const { forecastRun } = await import('../runs/forecast/forecast-run.js');
    return await forecastRun(context, tasks as TaskSource);
  }

  /**
   * Where the time of a call went, and why the cache had no answer. Only with the option `explain`: the latest calls are
   * kept, those that still run included.
   *
   * @throws {@link CallNotRecordedError} for a call that is not kept, and without the option.
   */
  async explain(callId: string): Promise<CallExplanation> {
    if (typeof callId !== 'string') throw mismatch('callId', 'the id of a call', callId);
    const { recorder } = this.#services;
    if (recorder === undefined) throw new CallNotRecordedError(callId, false);
    return await recorder.explain(callId);
  }

  /** What it has done and is doing, as a plain snapshot. */
  stats(): OrchestratorStats {
    const { byAgent, calls, clock, counters, errors, permits, traffic } = this.#services;
    return {
      maxConcurrent: permits.maxConcurrent,
      running: permits.held,
      queued: this.#services.waiting() + traffic.waiting() - traffic.backingOff(),
      inFlight: calls.size,
      ...counters,
      backingOff: counters.backingOff + traffic.backingOff(),
      ...traffic.stats(),
      errors: errors.snapshot(),
      byAgent: byAgent.snapshot(),
      uptimeMs: clock.now() - this.#createdAtMs,
    };
  }

  /**
   * Accepts nothing new, lets what was accepted finish for `drainMs`, then aborts the rest and waits until it has
   * stopped or was abandoned. Calling it again returns the same promise.
   *
   * @throws {@link InvalidArgumentError} for an unknown option or an invalid `drainMs`.
   */
  close(options: CloseOptions = {}): Promise<void> {
    const { drainMs } = parseOptions(closeOptionsSchema(), options, 'close options');
    this.#admission.isClosed = true;
    this.#closing ??= shutDown(this.#services, this.#runs, this.#admission.providers, drainMs);
    return this.#closing;
  }

  /** As {@link AsyncOrchestrator.close} with its defaults. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async *#streamRun(
    tasks: TaskSource,
    options: RunOptions | undefined,
  ): AsyncGenerator<IndexedOutcome, void, undefined> {
    const context = this.#admitRun(options);
    const start = new RunStart(this.#runs);
    try {
      const { streamRun } = runCode.loaded ?? (await start.load());
      yield* streamRun(context, tasks, this.#runs);
    } finally {
      start.end();
    }
  }

  #admitRun(options: RunOptions | undefined): RunContext {
    return {
      services: this.#services,
      admission: this.#admission,
      agents: this.agents,
      options: this.#admission.admitRun(options),
    };
  }
}

/**
 * One task for this orchestrator, of an agent that it knows by name. A generator of tasks that is annotated with it
 * has misspelt names and options reported where they are.
 *
 * @example
 * ```ts
 * function* tasks(): Generator<TaskOf<typeof orchestrator>> {
 *   yield ['shout', 'all together'];
 * }
 * ```
 */
export type TaskOf<Orchestrator> =
  Orchestrator extends AsyncOrchestrator<infer Agents> ? TaskInput<KnownName<Agents>> : never;

import { checkAgentName } from '../../agents/agent-name.js';
import type { AgentRegistry, RegistryObserver } from '../../agents/agent-registry.js';
import type { AgentDefinition } from '../../contracts/agent.js';
import type { CallFunction, CallOptions, FunctionCallOptions, RunOptions } from '../../contracts/call.js';
import { ClosedError, InvalidArgumentError } from '../../errors/input-errors.js';
import { expectFunction, mismatch } from '../../input/checks.js';
import { nearestName } from '../../input/nearest-name.js';
import { ConcurrencyLimit, type Permits } from '../../resilience/permits/concurrency-limit.js';
import { NestedLimits } from '../../resilience/permits/nested-limits.js';
import type { CallRequest } from '../call.js';
import { CallHistory } from '../call-history.js';
import { joinHooks } from '../call-hooks.js';
import type { CallServices } from '../call-services.js';
import type { CallSettings } from '../call-settings.js';
import { agentSettings, callSettings } from '../call-settings.js';
import type { RegisteredAgent } from '../registered-agent.js';
import { codeLoader } from './agent-code.js';
import { checkCallOptions, checkFunctionOptions, checkRunOptions, checkTask } from './check-call-options.js';
import { ProviderUsers } from './provider-users.js';
import { functionAgent, toRegistered, type UnregisteredAgent } from './unregistered-agent.js';

/** The door: what passes has been checked and becomes a call; what does not is refused before any work is done. */
export class CallAdmission implements RegistryObserver {
  /** Settings of agents and calls that set none. */
  settings: CallSettings;
  /** Once closed nothing new passes; runs that were accepted may go on reading their tasks. */
  isClosed = false;
  readonly #services: CallServices;
  readonly #agents = new Map<string, RegisteredAgent>();
  /** The providers of all agents, to be closed with the orchestrator. */
  readonly providers: ProviderUsers;

  constructor(services: CallServices) {
    this.#services = services;
    this.providers = new ProviderUsers(services.logger);
    const { timeoutMs, timeouts, deadlineMs, maxRetries } = services.options;
    this.settings = { timeoutMs, timeouts, deadlineMs, maxRetries };
  }

  added(definition: AgentDefinition): void {
    const hooks = joinHooks(this.#services.options.hooks, definition.hooks);
    this.#agents.set(definition.name, {
      services: this.#services,
      definition,
      figures: this.#services.byAgent.of(definition.name),
      history: new CallHistory(),
      lane: undefined,
      isHedgeable: true,
      settings: agentSettings(this.settings, definition),
      hooks,
      isPlain: hooks === undefined && definition.provider === undefined,
      hasTrafficControl: this.#services.traffic.appliesTo(definition),
      loadCode: codeLoader(this.#services, definition),
      fallbacks: () => this.#fallbacksOf(definition),
      permits: this.#permitsFor(definition),
    });
    if (definition.provider !== undefined) this.providers.add(definition.provider);
    this.#publish('agent:add', definition.name);
  }

  removed(definition: AgentDefinition): void {
    const permits = this.#agents.get(definition.name)?.permits;
    if (permits !== undefined) this.#services.agentLimits.delete(permits);
    this.#agents.delete(definition.name);
    this.#services.byAgent.forget(definition.name);
    const { calls, clock } = this.#services;
    if (definition.provider !== undefined) {
      this.providers.remove(definition.provider, clock.now(), calls.oldest?.queuedAtMs);
    }
    this.#publish('agent:remove', definition.name);
  }

  /** Changes the settings for calls that come from now on. */
  change(settings: Partial<CallSettings>): void {
    this.settings = { ...this.settings, ...settings };
    for (const agent of this.#agents.values())
      agent.settings = agentSettings(this.settings, agent.definition);
  }

  /** Lets a single call in, or throws. */
  admit(agent: unknown, task: unknown, options: CallOptions | undefined, agents: AgentRegistry): CallRequest {
    if (options !== undefined) checkCallOptions(options);
    const request = this.admitTask(agent, task, options, agents);
    this.#checkOpen();
    return request;
  }

  /** Lets a task of an accepted run in, or throws. Its options have been checked with the task or the run. */
  admitTask(
    agent: unknown,
    task: unknown,
    options: CallOptions | undefined,
    agents: AgentRegistry,
  ): CallRequest {
    const registered = typeof agent === 'string' ? this.#agents.get(agent) : undefined;
    if (registered === undefined) {
      checkAgentName(agent);
      throw agents.unknown(agent);
    }
    const checked = checkTask(task, this.#services.options);
    if (registered.hasTrafficControl) this.checkFallbacks(registered.definition);
    return { registered, task: checked, options, settings: callSettings(registered.settings, options) };
  }

  /** Lets a function in that is run once, or throws. */
  admitFunction(fn: unknown, options: FunctionCallOptions = {}): CallRequest {
    const wrong = expectFunction(fn);
    if (wrong !== undefined) throw mismatch('fn', wrong, fn);
    checkFunctionOptions(options, this.#services.options.maxTaskChars);
    const agent = functionAgent(fn as CallFunction<unknown>, options);
    const { lane, key = '', maxCostUsd, ...callOptions } = options;
    return this.admitUnregistered(agent, key, callOptions);
  }

  /** Lets a call of an agent in that is not registered, or throws. Its task and options have been checked. */
  admitUnregistered(agent: UnregisteredAgent, task: string, options: CallOptions): CallRequest {
    this.#checkOpen();
    const registered = toRegistered(this.#services, this.settings, agent);
    return { registered, task, options, settings: callSettings(registered.settings, options) };
  }

  /** Lets a run in, or throws. */
  admitRun(options: RunOptions | undefined): RunOptions {
    this.#checkOpen();
    if (options === undefined) return {};
    checkRunOptions(options);
    return options;
  }

  #checkOpen(): void {
    if (this.isClosed) throw new ClosedError('orchestrator');
  }

  /**
   * Checks the names of agents that may answer in place of another.
   *
   * @throws {@link InvalidArgumentError} for one that no agent has.
   */
  checkFallbacks({ name, fallbacks = [] }: AgentDefinition): void {
    const unknown = fallbacks.find((fallback) => !this.#agents.has(fallback));
    if (unknown === undefined) return;
    const field = `agents.${name}.fallbacks`;
    const suggestion = nearestName(unknown, this.#agents.keys());
    const hint =
      suggestion === undefined ? 'Add the agent, or leave it out.' : `Did you mean "${suggestion}"?`;
    throw new InvalidArgumentError(
      field,
      `${field}: expected names of registered agents; got "${unknown}", which no agent has. ${hint}`,
      { details: { suggestion } },
    );
  }

  /** One that was removed after the call was accepted must not hide why the call's own agent failed. */
  #fallbacksOf({ fallbacks = [] }: AgentDefinition): RegisteredAgent[] {
    return fallbacks.flatMap((fallback) => this.#agents.get(fallback) ?? []);
  }

  #permitsFor({ maxConcurrent }: AgentDefinition): Permits {
    const { permits } = this.#services;
    if (maxConcurrent === undefined) return permits;
    const limit = new NestedLimits(new ConcurrencyLimit(maxConcurrent, this.#services.newQueue()), permits);
    this.#services.agentLimits.add(limit);
    return limit;
  }

  #publish(event: 'agent:add' | 'agent:remove', agent: string): void {
    const { clock, events } = this.#services;
    if (events.wants(event)) events.emit(event, { agent, at: clock.epochMs() });
  }
}

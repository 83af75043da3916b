import { setTimeout as wait } from 'node:timers/promises';
import type { AgentDefinition } from '../../src/contracts/agent.js';
import type { Provider, ProviderRequest } from '../../src/contracts/provider.js';
import type { StreamEvent } from '../../src/contracts/stream-event.js';
import { silentLogger } from '../../src/logging/logger.js';

/** A request as the orchestrator makes it from a definition and a call. */
export function requestFor(agent: AgentDefinition, request: Partial<ProviderRequest> = {}): ProviderRequest {
  return {
    agent: 'tested',
    callId: 'call-1',
    attempt: 1,
    task: 'say something',
    model: agent.model,
    instructions: agent.instructions,
    params: agent.params ?? {},
    output: agent.output,
    signal: new AbortController().signal,
    logger: silentLogger,
    ...request,
  };
}

/** The definition's provider. */
export function providerOf(agent: AgentDefinition): Provider {
  return agent.provider as Provider;
}

export function generate(agent: AgentDefinition, request: Partial<ProviderRequest> = {}) {
  return providerOf(agent).generate(requestFor(agent, request));
}

export function stream(
  agent: AgentDefinition,
  request: Partial<ProviderRequest> = {},
): AsyncIterable<StreamEvent> {
  const events = providerOf(agent).stream?.(requestFor(agent, request));
  if (events === undefined) throw new Error('the provider does not stream');
  return events;
}

export async function collect(events: AsyncIterable<StreamEvent>): Promise<StreamEvent[]> {
  const collected: StreamEvent[] = [];
  for await (const event of events) collected.push(event);
  return collected;
}

export function textOf(events: readonly StreamEvent[]): string {
  return events.map((event) => (event.type === 'text-delta' ? event.text : '')).join('');
}

/** What the promise was rejected with. */
export async function rejection(promise: PromiseLike<unknown>): Promise<Record<string, unknown> & Error> {
  const outcome = await Promise.resolve(promise).then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if (!('error' in outcome)) throw new Error(`expected a rejection, got ${JSON.stringify(outcome.value)}`);
  return outcome.error as Record<string, unknown> & Error;
}

/**
 * What the promise gives, if it does so within a hundred milliseconds: ten times ten, so that a machine that is busy
 * elsewhere stops this clock, too.
 */
export async function within100Ms<Value>(promise: Promise<Value>): Promise<Value> {
  let found: { value: Value } | undefined;
  void promise.then((value) => {
    found = { value };
  });
  for (let waits = 0; waits < 10 && found === undefined; waits += 1) await wait(10);
  if (found === undefined) throw new Error('it took more than 100 ms');
  return found.value;
}

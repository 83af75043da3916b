import type { AgentDefinition } from '../contracts/agent.js';
import type { Provider, ProviderRequest } from '../contracts/provider.js';
import { ProviderRequestError } from '../errors/provider-errors.js';
import { TuttiError } from '../errors/tutti-error.js';
import type { Logger } from '../logging/logger.js';

/** What a call of an agent from a file has to say, besides its answer. */
export interface FileRemarks {
  /** The model's name in the file, if nothing maps it to a model. */
  readonly unmappedModel: string | undefined;
  /** Called with the logger of the agent's calls, unless there is nothing to log. */
  readonly log: ((logger: Logger) => void) | undefined;
}

/** The definition, with a provider that makes the remarks. An agent that is a function stays as it is. */
export function withRemarks(definition: AgentDefinition, remarks: FileRemarks): AgentDefinition {
  const { provider } = definition;
  if (provider === undefined || (remarks.unmappedModel === undefined && remarks.log === undefined)) {
    return definition;
  }
  return { ...definition, provider: remarkingProvider(provider, remarks) };
}

function remarkingProvider(provider: Provider, { unmappedModel, log }: FileRemarks): Provider {
  const explain = (error: unknown) => {
    throw unmappedModel === undefined ? error : withModelHint(error, unmappedModel);
  };
  const methods = {
    generate: (request: ProviderRequest) => {
      log?.(request.logger);
      return provider.generate(request).catch(explain);
    },
    stream: (request: ProviderRequest) => {
      log?.(request.logger);
      const stream = (provider.stream as NonNullable<Provider['stream']>).call(provider, request);
      return { [Symbol.asyncIterator]: () => explainFirst(stream[Symbol.asyncIterator](), explain) };
    },
  };
  return new Proxy(provider, {
    get(target, key) {
      const own: unknown = Reflect.get(target, key, target);
      if (typeof own !== 'function') return own;
      return Object.hasOwn(methods, key) ? methods[key as keyof typeof methods] : own.bind(target);
    },
  });
}

/** A provider refuses a model before the first event, so that later ones pass through as they are. */
function explainFirst<Event, Summary>(
  events: AsyncIterator<Event, Summary>,
  explain: (error: unknown) => never,
): AsyncIterator<Event, Summary> {
  let isFirst = true;
  return {
    next: () => {
      if (!isFirst) return events.next();
      isFirst = false;
      return events.next().catch(explain);
    },
    return: async (summary) => (await events.return?.(summary)) ?? { done: true, value: summary as Summary },
  };
}

function withModelHint(error: unknown, written: string): unknown {
  if (!TuttiError.isInstance(error) || error.code !== 'TUTTI_PROVIDER_REQUEST') return error;
  const { message, status, model, provider, requestId, retryAfterMs, retryable, details } = error;
  if (status !== 404 && !/\bmodel/i.test(message)) return error;
  return new ProviderRequestError(
    `${message} The model comes from an agent file; map it with the \`models\` option of loadAgents: models: { ${JSON.stringify(written)}: '…' }.`,
    { status, model, provider, requestId, retryAfterMs, retryable, details, cause: error },
  );
}

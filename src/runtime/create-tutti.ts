import type { AgentsInput } from '../agents/agent-registry.js';
import { parseOptions } from '../input/parse-options.js';
import type { AnyAgents } from '../orchestrator/inferred-types.js';
import { closeOptionsSchema } from '../orchestrator/options.js';
import { Assembly } from './assembly.js';
import { configOfCall, type LoadConfigOptions } from './load-config.js';
import { PARTS, type TuttiParts } from './parts.js';
import type { TuttiConfig } from './tutti-config.js';

/** Everything that a configuration describes, running. Returned by {@link createTutti}. */
export interface Tutti<Agents extends AgentsInput = AnyAgents, State = Record<string, unknown>>
  extends TuttiParts<Agents, State>,
    AsyncDisposable {
  /** The configuration that it was built from. Secrets in it do not show in `JSON.stringify` and `console.log`. */
  readonly config: TuttiConfig<Agents, State>;
  /**
   * Closes the parts: the orchestrator lets running work finish for `drainMs` milliseconds (default 20,000), then the
   * history of the telemetry, the cache and the state are written and closed. Calling it again returns the same promise.
   * What was given ready-made stays open.
   */
  close(options?: { drainMs?: number | undefined }): Promise<void>;
}

/**
 * Builds every part that is configured and starts them in order: state, cache, orchestrator, telemetry. If one fails, those before
 * it are closed and nothing is left running.
 *
 * The settings come from the configuration file, the environment and the call; later ones take precedence. What
 * {@link loadConfig} has returned is used as it is.
 *
 * Rejects with a {@link ConfigError} for an invalid value, wherever it comes from, and with what a part fails with.
 *
 * @example
 * ```ts
 * await using tutti = await createTutti({
 *   agents: { shout: (task) => task.toUpperCase() },
 *   cache: { directory: '.tutti' },
 * });
 * const { output } = await tutti.orchestrator.execute('shout', 'all together');
 * ```
 */
export async function createTutti<
  const Agents extends AgentsInput = AnyAgents,
  State = Record<string, unknown>,
>(config?: TuttiConfig<Agents, State>, sources: LoadConfigOptions = {}): Promise<Tutti<Agents, State>> {
  const merged = await configOfCall(config, sources);
  const { assembly, built } = await Assembly.start(PARTS, merged);
  let closing: Promise<void> | undefined;
  const close = (options: { drainMs?: number | undefined } = {}): Promise<void> => {
    closing ??= assembly.close(parseOptions(closeOptionsSchema(), options, 'close options').drainMs);
    return closing;
  };
  return {
    ...(built as unknown as TuttiParts<Agents, State>),
    config: merged.values,
    close,
    [Symbol.asyncDispose]: () => close(),
  };
}

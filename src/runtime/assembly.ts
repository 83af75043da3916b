import type { AgentsInput } from '../agents/agent-registry.js';
import { asError } from '../errors/foreign.js';
import { TuttiError } from '../errors/tutti-error.js';
import { type Clock, systemClock } from '../time/clock.js';
import type { MergedConfig } from './merged-config.js';
import { loggerOf, type Part, type PartContext, type StartedPart, type TuttiParts } from './parts.js';
import type { TuttiConfig } from './tutti-config.js';

/** Parts that run, the one that is closed last at the front. */
export class Assembly {
  readonly #started: Array<{ readonly name: string; readonly part: StartedPart }> = [];
  readonly #clock: Clock;

  private constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Starts the parts one after the other. If one fails, those before it are closed and its error is thrown. */
  static async start(
    parts: readonly Part[],
    merged: MergedConfig,
  ): Promise<{ assembly: Assembly; built: TuttiParts<AgentsInput, unknown> }> {
    const config = merged.values as TuttiConfig;
    const assembly = new Assembly(config.clock ?? systemClock);
    const built: Record<string, unknown> = {};
    const context: PartContext = { config, logger: loggerOf(config), parts: built };
    for (const part of parts) {
      try {
        const started = await part.start(context);
        built[part.name] = started?.instance;
        if (started !== undefined) assembly.#add(part, started);
      } catch (error) {
        // What fails in closing is of less use than why it was closed.
        await assembly.close(0).catch(() => {});
        throw withSource(error, part, merged);
      }
    }
    return { assembly, built: built as unknown as TuttiParts<AgentsInput, unknown> };
  }

  #add({ name, outlives }: Part, part: StartedPart): void {
    const before = this.#started.findIndex((one) => one.name === outlives);
    this.#started.splice(before === -1 ? this.#started.length : before, 0, { name, part });
  }

  /**
   * Closes the parts in reverse, each in what is left of `drainMs`. One that fails does not keep the others open; the
   * first failure is thrown at the end, and later ones are in its place as an `AggregateError`.
   */
  async close(drainMs: number): Promise<void> {
    const endsAtMs = this.#clock.now() + drainMs;
    const errors: Error[] = [];
    for (const { part } of this.#started.splice(0).reverse()) {
      const leftMs = Math.max(0, endsAtMs - this.#clock.now());
      try {
        await part.close?.({ drainMs: leftMs });
      } catch (error) {
        errors.push(asError(error));
      }
    }
    if (errors.length === 1) throw errors[0];
    if (errors.length > 1) throw new AggregateError(errors, `${errors.length} parts could not be closed.`);
  }
}

/** An option that a part itself has refused, named with where it comes from. */
function withSource(error: unknown, { settings }: Part, merged: MergedConfig): unknown {
  if (!TuttiError.isInstance(error) || error.code !== 'TUTTI_INVALID_ARGUMENT') return error;
  return merged.explain(error.message, [...settings, ...error.field.split('.')], error);
}

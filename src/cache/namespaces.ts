import { compileGlob } from './glob.js';

/** How the answers of a group of agents are kept. */
export interface NamespaceSettings {
  /** How long an answer stays fresh, in milliseconds. @default the cache's `ttlMs` */
  ttlMs?: number | undefined;
  /** Maximum entries of the namespace, in memory and on disk each, at least 1. @default none of its own */
  maxEntries?: number | undefined;
  /**
   * Whose answers belong to it: names with `*` and `?`. An agent belongs to the first namespace that names it.
   *
   * @default the agent, the `cached` function and the `cacheable` data of the namespace's name
   */
  agents?: readonly string[] | undefined;
}

/** Finds the namespace of an agent. */
export class Namespaces {
  readonly #tests: ReadonlyArray<readonly [isIn: (agent: string) => boolean, settings: NamespaceSettings]>;
  readonly #known = new Map<string, NamespaceSettings | undefined>();
  /** Whether any of them limits its entries. */
  readonly hasLimits: boolean;

  constructor(settings: Readonly<Record<string, NamespaceSettings>>) {
    this.#tests = Object.entries(settings).map(([name, one]) => {
      const tests = (one.agents ?? [name, `cached:${name}`, `data:${name}`]).map(compileGlob);
      return [(agent: string) => tests.some((isIn) => isIn(agent)), one] as const;
    });
    this.hasLimits = Object.values(settings).some(({ maxEntries }) => maxEntries !== undefined);
  }

  /** The settings of the agent's namespace; `undefined` if it is in none. */
  of(agent: string): NamespaceSettings | undefined {
    const known = this.#known.get(agent);
    if (known !== undefined || this.#known.has(agent)) return known;
    const found = this.#tests.find(([isIn]) => isIn(agent))?.[1];
    if (this.#known.size < MOST_KNOWN) this.#known.set(agent, found);
    return found;
  }
}

const MOST_KNOWN = 10_000;

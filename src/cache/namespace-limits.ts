import { createEvictionOrder, type EvictionKind, type EvictionOrder } from './eviction.js';
import type { NamespaceSettings, Namespaces } from './namespaces.js';

/** The facts of an entry that decide when it is evicted. */
export interface RankedEntry {
  readonly agent: string;
  readonly sizeBytes: number;
  readonly costUsd: number;
  readonly hits: number;
}

/** Which entries a tier holds of each namespace with a limit, in the order in which they would be evicted. */
export class NamespaceLimits {
  readonly #namespaces: Namespaces;
  readonly #eviction: EvictionKind | undefined;
  readonly #orders = new Map<NamespaceSettings, EvictionOrder>();
  readonly #orderOf = new Map<string, EvictionOrder>();

  constructor(namespaces: Namespaces, eviction: EvictionKind | undefined) {
    this.#namespaces = namespaces;
    this.#eviction = eviction;
  }

  /** Adds an entry, or updates it, as the most recently used one. */
  add(key: string, { agent, sizeBytes, costUsd, hits }: RankedEntry): void {
    const namespace = this.#namespaces.of(agent);
    if (namespace?.maxEntries === undefined) return;
    let order = this.#orders.get(namespace);
    if (order === undefined) {
      order = createEvictionOrder(this.#eviction);
      this.#orders.set(namespace, order);
    }
    order.add(key, sizeBytes, costUsd, hits);
    this.#orderOf.set(key, order);
  }

  touch(key: string): void {
    this.#orderOf.get(key)?.touch(key);
  }

  remove(key: string): void {
    this.#orderOf.get(key)?.remove(key);
    this.#orderOf.delete(key);
  }

  clear(): void {
    this.#orders.clear();
    this.#orderOf.clear();
  }

  /** The entry to evict before another one of the agent fits into its namespace; `undefined` if that fits now. */
  inTheWayOf(agent: string): string | undefined {
    const namespace = this.#namespaces.of(agent);
    const order = namespace && this.#orders.get(namespace);
    return order !== undefined && order.size >= (namespace?.maxEntries as number)
      ? order.victim()
      : undefined;
  }

  /** An entry to evict from a namespace that holds too many; `undefined` if all are within their limits. */
  tooMany(): string | undefined {
    for (const [{ maxEntries }, order] of this.#orders) {
      if (order.size > (maxEntries as number)) return order.victim();
    }
    return undefined;
  }
}

/** The limits of namespaces for a tier; `undefined` if no namespace has one. */
export function createNamespaceLimits(
  namespaces: Namespaces | undefined,
  eviction: EvictionKind | undefined,
): NamespaceLimits | undefined {
  return namespaces?.hasLimits === true ? new NamespaceLimits(namespaces, eviction) : undefined;
}

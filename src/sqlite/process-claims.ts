/** Who has a file open in this process. */
interface Claim {
  readonly library: string;
  connections: number;
}

const REGISTRY = Symbol.for('tutti.sqlite.claims');

// On the global object, so that several copies of this package in one process see each other.
function claims(): Map<string, Claim> {
  const holder = globalThis as { [REGISTRY]?: Map<string, Claim> };
  holder[REGISTRY] ??= new Map();
  return holder[REGISTRY];
}

/**
 * Claims a file for one copy of SQLite. A second copy in the process would drop the locks of the first whenever it
 * closes the file (POSIX), so it is refused.
 *
 * @returns a function that gives the claim back, or `undefined` when another copy has the file open.
 */
export function claimFile(id: string, library: string): (() => void) | undefined {
  const claim = claims().get(id) ?? { library, connections: 0 };
  if (claim.library !== library) return undefined;
  claim.connections += 1;
  claims().set(id, claim);
  return () => {
    claim.connections -= 1;
    if (claim.connections === 0) claims().delete(id);
  };
}

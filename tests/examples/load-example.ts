/**
 * Loads a file of an example. Through a variable, since the examples are plain JavaScript that the type check
 * does not cover; the test says what it expects of it.
 */
export async function loadExample<T>(path: string): Promise<T> {
  const url = new URL(`../../examples/${path}`, import.meta.url).href;
  return (await import(url)) as T;
}

/** What the agents of the example see of a call. */
export interface ExampleContext {
  params: { path?: string };
  signal: AbortSignal;
  attempt: number;
}

/** An agent of the example. */
export type ExampleAgent<Data> = (
  task: string,
  context: ExampleContext,
) => Promise<{ output: string; data: Data }>;

/** A context for calling an agent by hand. */
export function contextFor(params: ExampleContext['params'], attempt = 1): ExampleContext {
  return { params, attempt, signal: new AbortController().signal };
}

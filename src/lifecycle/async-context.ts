import { AsyncResource, executionAsyncResource } from 'node:async_hooks';

/** A captured asynchronous context: within it, every `AsyncLocalStorage` has the value it had at that time. */
export type AsyncContext = Pick<AsyncResource, 'runInAsyncScope'>;

/**
 * Since Node 24 the context is a frame of the engine, which can be captured but not inspected. Before that, the running
 * resource holds it, under one symbol per storage in use.
 */
const HAS_FRAMES = Number.parseInt(process.versions.node, 10) >= 24;

// Without a destroy hook, nothing has to track when it is garbage-collected.
const MANUAL_DESTROY = { requireManualDestroy: true };

/**
 * Captures the current context, for work that will be started from another caller's context. Before Node 24 returns
 * `undefined` if no `AsyncLocalStorage` is in use, so that waiting work costs nothing extra.
 */
export function captureContext(): AsyncContext | undefined {
  if (!HAS_FRAMES && Object.getOwnPropertySymbols(executionAsyncResource()).length === 0) return undefined;
  return new AsyncResource('TUTTI_CALL', MANUAL_DESTROY);
}

/** Runs work in a captured context, or in the current one if there is none. */
export function runIn(context: AsyncContext | undefined, work: () => void): void {
  if (context === undefined) work();
  else context.runInAsyncScope(work);
}

import { AsyncResource, executionAsyncResource } from 'node:async_hooks';

/** An asynchronous context that was captured: in it every `AsyncLocalStorage` has the value that it had then. */
export type AsyncContext = Pick<AsyncResource, 'runInAsyncScope'>;

/**
 * From Node 24 on a context is a frame of the engine, which can be captured but not be looked at. Before, it hangs on
 * the resource that runs, under a symbol for each storage in use.
 */
const HAS_FRAMES = Number.parseInt(process.versions.node, 10) >= 24;

// Nobody is told when it ends, so nothing has to watch it.
const UNWATCHED = { requireManualDestroy: true };

/**
 * The context that this runs in, for work that the end of somebody else's will start. Before Node 24 `undefined`
 * where no `AsyncLocalStorage` is in use, so that what waits costs nothing more.
 */
export function captureContext(): AsyncContext | undefined {
  if (!HAS_FRAMES && Object.getOwnPropertySymbols(executionAsyncResource()).length === 0) return undefined;
  return new AsyncResource('TUTTI_CALL', UNWATCHED);
}

/** Runs work in a captured context, or where it is when there was none to keep. */
export function runIn(context: AsyncContext | undefined, work: () => void): void {
  if (context === undefined) work();
  else context.runInAsyncScope(work);
}

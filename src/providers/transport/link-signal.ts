/** A controller of our own that follows someone else's signal until it is disposed of. */
export interface LinkedAbort {
  readonly controller: AbortController;
  /** Takes the listener off the other signal. */
  dispose(): void;
}

/**
 * Clients leave listeners on the signals that they are given; this one can be thrown away with them, and it
 * can be aborted alone, to close the socket of a stream that nobody reads any more.
 */
export function linkAbort(signal: AbortSignal): LinkedAbort {
  const controller = new AbortController();
  const follow = () => controller.abort(signal.reason);
  if (signal.aborted) follow();
  else signal.addEventListener('abort', follow, { once: true });
  return { controller, dispose: () => signal.removeEventListener('abort', follow) };
}

/** A controller that follows another signal until it is disposed of. */
export interface LinkedAbort {
  readonly controller: AbortController;
  /** Removes the listener from the other signal. */
  dispose(): void;
}

/**
 * Clients leave listeners on the signals that they receive; this signal can be discarded together with them. It can
 * also be aborted alone, to close the socket of a stream that is no longer read.
 */
export function linkAbort(signal: AbortSignal): LinkedAbort {
  const controller = new AbortController();
  const follow = () => controller.abort(signal.reason);
  if (signal.aborted) follow();
  else signal.addEventListener('abort', follow, { once: true });
  return { controller, dispose: () => signal.removeEventListener('abort', follow) };
}

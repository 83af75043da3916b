/**
 * Calls a user's listener and reports what it throws, or what its promise rejects with: an unhandled rejection would
 * end the process.
 */
export function callListener<Payload>(
  listener: (payload: Payload) => unknown,
  payload: Payload,
  report: (error: unknown) => void,
): void {
  try {
    const returned = listener(payload);
    if (typeof returned === 'object' && returned !== null && 'then' in returned)
      void Promise.resolve(returned).then(undefined, report);
  } catch (error) {
    report(error);
  }
}

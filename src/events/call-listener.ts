/**
 * Calls somebody else's listener. What it throws is reported, and so is what an async one rejects with, which
 * nobody else would catch: it would end the process.
 */
export function callListener<Payload>(
  listener: (payload: Payload) => unknown,
  payload: Payload,
  report: (error: unknown) => void,
): void {
  try {
    const given = listener(payload);
    if (typeof given === 'object' && given !== null && 'then' in given)
      void Promise.resolve(given).then(undefined, report);
  } catch (error) {
    report(error);
  }
}

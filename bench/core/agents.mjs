// The agents under measurement.

/** Resolves at once. */
export const atOnce = async (task) => task;

/** Takes a millisecond. */
export const oneMillisecond = (task) => new Promise((resolve) => setTimeout(resolve, 1, task));

/** Takes a second. */
export const oneSecond = (task) => new Promise((resolve) => setTimeout(resolve, 1_000, task));

/** Waits until `open()`: whatever is submitted meanwhile stays in the queue. */
export function gated() {
  let open;
  const gate = new Promise((resolve) => {
    open = resolve;
  });
  return { agent: async (task) => gate.then(() => task), open };
}

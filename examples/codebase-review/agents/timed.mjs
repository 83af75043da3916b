/**
 * Has an agent note in its answer how long it worked. The note is kept with the answer in the cache, so that a later
 * hit can tell what it saved.
 */
export const timed = (agent) => async (task, context) => {
  const startedAt = performance.now();
  const { output, data } = await agent(task, context);
  return { output, data: { ...data, workMs: performance.now() - startedAt } };
};

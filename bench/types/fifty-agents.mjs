// Two programs of a user with 50 agents: the agents alone, and the agents with every way to call them.
const NAMES = Array.from({ length: 50 }, (_each, index) => `agent-${index}`);

/** Agents of every kind: of text, of data and of an output schema. */
export const agentsOnly = `import { AsyncOrchestrator, defineAgent } from 'tutti';
  import { z } from 'zod';
  const orchestrator = new AsyncOrchestrator({ agents: {
    ${NAMES.map(agent).join('\n')}
  } });
  export default orchestrator;`;

/** Each agent called, and lists, generators and streams with their outcomes told apart. */
export const agentsUsed = `${agentsOnly}
  ${NAMES.map((name) => `await orchestrator.execute('${name}', 'x');`).join('\n')}
  for await (const event of orchestrator.stream('agent-0', 'x')) console.log(event);
  await orchestrator.executeMultiple([${NAMES.slice(0, 10).map((name) => `['${name}', 'x']`)}]);
  const tasks = ['a'].map((task) => ({ agent: task === 'a' ? 'agent-1' : 'agent-2', task }) as const);
  for await (const outcome of orchestrator.executeEach(tasks)) {
    if (outcome.success && outcome.agent === 'agent-1') console.log(outcome.data.n1);
    if (!outcome.success && outcome.error.code === 'TUTTI_TIMEOUT') console.log(outcome.error.scope);
  }`;

function agent(name, index) {
  if (index % 3 === 0) return `'${name}': (task: string) => task,`;
  if (index % 3 === 1)
    return `'${name}': async (task: string) => ({ output: task, data: { n${index}: 1 } }),`;
  return `'${name}': defineAgent({ name: '${name}', run: (task) => task, output: z.object({ o${index}: z.number() }) }),`;
}

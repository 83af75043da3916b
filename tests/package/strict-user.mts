// A user's strict project; compiled against the packed package, never run.
import { type AgentResult, AsyncOrchestrator, defineAgent, TimeoutError, TuttiError } from 'tutti';
import { z } from 'zod';

const rate = defineAgent({
  name: 'rate',
  run: async (task) => ({ output: JSON.stringify({ stars: task.length % 5 }) }),
  output: z.object({ stars: z.number() }),
});

await using orchestrator = new AsyncOrchestrator({
  agents: { shout: (task) => task.toUpperCase(), rate },
  maxConcurrent: 2,
});

const rated: AgentResult<{ stars: number }> = await orchestrator.execute('rate', 'a fine hotel');
console.log(rated.data?.stars);
const { data } = await orchestrator.execute('rate', 'a fine hotel');
console.log(data.stars);

// @ts-expect-error a misspelt name of an agent
await orchestrator.execute('shuot', 'hello');

const [loud, stars] = await orchestrator.executeMultiple([
  ['shout', 'hello'],
  { agent: 'rate', task: 'a poor hotel', priority: 1 },
]);
if (stars.success) console.log(stars.data.stars.toFixed(1));
if (!loud.success && loud.error instanceof TimeoutError) console.log(loud.error.scope);

const stop = orchestrator.on('call:end', ({ agent, totalMs }) => console.log(agent, totalMs.toFixed()));
stop();

try {
  for await (const event of orchestrator.stream('shout', 'hello')) {
    if (event.type === 'text-delta') console.log(event.text);
  }
} catch (error) {
  if (TuttiError.isInstance(error) && error.code === 'TUTTI_TIMEOUT') console.log(error.scope);
}

// An async generator streams its answer; the reader sees each piece as soon as it is there.
import assert from 'node:assert/strict';
import { AsyncOrchestrator } from 'tutti';

const orchestrator = new AsyncOrchestrator({
  agents: {
    async *spell(task, { signal }) {
      for (const letter of task) if (!signal.aborted) yield `${letter} `;
    },
  },
});
const stream = orchestrator.stream('spell', 'tutti');
const pieces = [];
for await (const piece of stream.text) pieces.push(piece);
const { output, timings } = await stream.result;
await orchestrator.close();

console.log(`${pieces.length} pieces: ${output}`);
assert.deepEqual(pieces, ['t ', 'u ', 't ', 't ', 'i ']);
assert.ok(output === pieces.join('') && timings.firstTokenMs >= 0);

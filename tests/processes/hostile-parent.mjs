// A process of its own that runs hostile programs until it is killed: node hostile-parent.mjs <build> <first number>
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { HOSTILE, hostileScript } from './hostile-programs.mjs';

const [build, first] = process.argv.slice(2);
const load = (file) => import(pathToFileURL(join(build, file)).href);
const { AsyncOrchestrator } = await load('index.js');
const { command } = await load('providers/index.js');

for (const [index, script] of Object.values(HOSTILE).entries()) {
  const agent = command({
    name: 'hostile',
    file: 'sh',
    args: ['-c', `echo up; ${hostileScript(script, Number(first) + index)}`],
    killGraceMs: 60_000,
  });
  // Each with an orchestrator of its own: they share nothing but the process.
  void readOne(new AsyncOrchestrator({ agents: [agent] }));
}

async function readOne(orchestrator) {
  try {
    for await (const event of orchestrator.stream('hostile', 'x')) {
      if (event.type === 'text-delta') process.stdout.write('up\n');
      // Read no further: some of them write without end.
      await new Promise(() => {});
    }
  } catch {}
}

setInterval(() => {}, 1_000);

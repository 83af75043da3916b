// A process of its own that runs hostile programs until it is killed: node hostile-parent.mjs <build> <first number>
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { HOSTILE, hostileScript } from './hostile-programs.mjs';

const [build, first] = process.argv.slice(2);
const load = (file) => import(pathToFileURL(join(build, file)).href);
const { AsyncOrchestrator } = await load('index.js');
const { command } = await load('providers/index.js');

const scripts = Object.values(HOSTILE);
const agents = scripts.map((script, index) =>
  command({
    name: `hostile-${index}`,
    file: 'sh',
    args: ['-c', `echo up; ${hostileScript(script, Number(first) + index)}`],
    killGraceMs: 60_000,
  }),
);
const orchestrator = new AsyncOrchestrator({ agents, maxConcurrent: scripts.length });
for (const { name } of agents) {
  void (async () => {
    try {
      for await (const event of orchestrator.stream(name, 'x')) {
        if (event.type === 'text-delta') process.stdout.write('up\n');
        // Read no further: some of them write without end.
        await new Promise(() => {});
      }
    } catch {}
  })();
}
setInterval(() => {}, 1_000);

// A process of its own with a state: node state-child.mjs <build> <path> <key> <updates | 0 for no end | handles | open>
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as z from 'zod';

const [build, path, key, work] = process.argv.slice(2);
const { StateManager } = await import(pathToFileURL(join(build, 'state/index.js')).href);

// Large enough that writing it takes a while, and every cut of it can be found.
const filler = (count) => String(count).repeat(20_000);
const schema = z.looseObject({ count: z.number(), filler: z.string() });
const state = new StateManager({ path, schema, default: { count: 0, filler: filler(0) } });
await state.start();
if (work === 'handles') {
  // All of libuv's, also those that do not keep the process alive.
  const watchers = () => process.report.getReport().libuv.filter(({ type }) => type.startsWith('fs_')).length;
  await state.update({ count: 1 });
  const watched = watchers();
  await state.close();
  // Requests that have ended are removed in the next turn.
  await new Promise((resolve) => setTimeout(resolve, 10));
  const resources = process.getActiveResourcesInfo().filter((name) => name !== 'PipeWrap');
  process.stdout.write(JSON.stringify({ watched, left: watchers(), resources }));
} else if (work !== 'open') {
  const updates = Number(work) || Number.POSITIVE_INFINITY;
  for (let own = 1; own <= updates; own += 1) {
    const { count } = await state.update((now) => {
      const next = now.count + 1;
      return { ...now, count: next, filler: filler(next), [key]: (now[key] ?? 0) + 1 };
    });
    process.stdout.write(`${count}\n`);
  }
  await state.close();
}

// Milliseconds to import zod and then the package's root, in a process that has loaded neither.
import { parameters, report } from '../child.mjs';

const { zodFirst } = parameters();
const timed = async (specifier) => {
  const startedAt = performance.now();
  await import(specifier);
  return performance.now() - startedAt;
};
const zod = zodFirst ? await timed('zod') : 0;
const root = await timed('../../dist/index.js');
report({ zod, root });

// Run in the user's folder: imports the package, has a function answer a call, in as many attempts as the first
// argument says, and prints the files that were loaded for it and the native modules.
import { register } from 'node:module';
import { MessageChannel } from 'node:worker_threads';

const hooks = `
  let port;
  export function initialize(data) { port = data.port; }
  export async function load(url, context, next) { port.postMessage(url); return next(url, context); }
`;
const { port1, port2 } = new MessageChannel();
const files = [];
port1.on('message', (url) => files.push(url));
register(`data:text/javascript,${encodeURIComponent(hooks)}`, {
  data: { port: port2 },
  transferList: [port2],
});

const { AsyncOrchestrator } = await import('tutti');
const attempts = Number(process.argv[2]);
let failures = attempts - 1;
const shout = (task) => {
  if (failures-- > 0) throw Object.assign(new Error('busy'), { status: 503 });
  return task.toUpperCase();
};
const orchestrator = new AsyncOrchestrator({ agents: { shout }, retry: { minDelayMs: 1 } });
const result = await orchestrator.execute('shout', 'tutti');
if (result.output !== 'TUTTI' || result.attempts !== attempts) throw new Error('the call went another way');
// The messages come from another thread: a moment after the import they are all there.
await new Promise((resolve) => setTimeout(resolve, 50));
port1.close();
const native = process.report.getReport().sharedObjects.filter((path) => path.endsWith('.node'));
console.log(JSON.stringify({ files, native }));

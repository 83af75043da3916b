// Sends a row's calls through one client and reports what became of them; in a process of its own.
import { subscribe } from 'node:diagnostics_channel';
import { clients } from './clients.mjs';
import { rowOf } from './rows.mjs';

const WARM_UP_CALLS = 50;

const { client, rowName, url, urls, capMs } = JSON.parse(process.argv[2]);
const row = rowOf(rowName);
await warmUp();
const report = { answered: 0, failed: 0, requests: 0, connections: 0, refused: 0, untyped: 0, failures: {} };

// Both Node's own fetch and the npm package publish here. A request to a closed port never reaches the server, so it
// is the client that counts.
subscribe('undici:request:create', () => {
  report.requests += 1;
});
subscribe('undici:client:beforeConnect', () => {
  report.connections += 1;
});
subscribe('undici:client:connectError', () => {
  report.refused += 1;
});

const send = await clients[client](row, urls);
const calls = Array.from({ length: row.calls }, (_, id) => {
  const model = row.models[id % row.models.length];
  return { model, url: urls[model], prompt: `call ${id}` };
});

/** The same client in a service that has no trouble, so that no row measures how fast code is loaded and compiled. */
async function warmUp() {
  const [model] = row.models;
  const send = await clients[client](row, { [model]: url });
  const calls = Array.from({ length: WARM_UP_CALLS }, (_, id) => ({ model, url, prompt: `call ${id}` }));
  await Promise.all(calls.map((call) => send(call)));
}

async function run(call, startMs) {
  try {
    await send(call);
    report.answered += 1;
    report.lastAnswerMs = performance.now() - startMs;
  } catch (error) {
    report.failed += 1;
    if (!String(error?.code).startsWith('TUTTI_')) report.untyped += 1;
    const kind = `${error?.code ?? error?.name}: ${String(error?.message).replaceAll(/\d+/g, '#').slice(0, 160)}`;
    report.failures[kind] = (report.failures[kind] ?? 0) + 1;
  }
}

process.once('message', async () => {
  const startMs = performance.now();
  const cap = setTimeout(finish, capMs, true);
  await Promise.all(calls.map((call) => run(call, startMs)));
  clearTimeout(cap);
  finish(false);

  function finish(isCapped) {
    const timeMs = performance.now() - startMs;
    process.send({ ...report, timeMs, isCapped }, () => process.exit(0));
  }
});
process.once('disconnect', () => process.exit(1));
process.send('ready');

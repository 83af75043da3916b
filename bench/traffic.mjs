// How fast, and with how many rejections, 900 calls get through limits that nobody told the client.
//
//   npm run bench:traffic                        all clients, time four times as fast
//   TRAFFIC_SCALE=1 npm run bench:traffic tutti  one client in real time (takes minutes)
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { CALLS, LIMITS, MAX_CONCURRENT, MAX_RETRIES, shortestTimeMs, workload } from './traffic/workload.mjs';

const CLIENTS = {
  tutti: 'tutti, told nothing',
  aiSdk: 'AI SDK 6, own retries, p-limit',
  langChain: "LangChain's caller",
  pLimitPRetry: 'p-limit + p-retry',
  bottleneck: 'Bottleneck, told the limits',
};
/** A client that takes longer than this, in seconds of its own time, is stopped. */
const PATIENCE_S = 1_800;

const scale = Number(process.env.TRAFFIC_SCALE ?? 4);
const chosen = process.argv.slice(2);
const names = chosen.length > 0 ? chosen : Object.keys(CLIENTS);
const env = { ...process.env, TRAFFIC_SCALE: String(scale) };

function start(file, ...args) {
  return fork(new URL(`./traffic/${file}`, import.meta.url), args, { env });
}

async function answerOf(child, message) {
  if (message !== undefined) child.send(message);
  const [answer] = await once(child, 'message');
  return answer;
}

/** The client's report, or `undefined` if it had to be stopped. */
async function run(name, url) {
  const client = start('client-process.mjs', name, url);
  const patience = setTimeout(() => client.kill(), (PATIENCE_S * 1_000) / scale);
  const [report] = await Promise.race([
    once(client, 'message'),
    once(client, 'exit').then(() => [undefined]),
  ]);
  clearTimeout(patience);
  if (client.exitCode === null && client.signalCode === null) await once(client, 'exit');
  return report;
}

function row(cells) {
  const [name, ...figures] = cells;
  console.log(`${name.padEnd(32)}${figures.map((figure) => String(figure).padStart(11)).join('')}`);
}

const calls = workload();
const tokens = calls.reduce((sum, call) => sum + call.inputTokens + call.outputTokens, 0);
const shortestS = shortestTimeMs(calls) / 1_000;
console.log(
  `${CALLS} calls, ${tokens} tokens; limits a minute: ${LIMITS.requestsPerMinute} requests, ${LIMITS.tokensPerMinute} tokens.`,
);
console.log(
  `${MAX_CONCURRENT} at once, ${MAX_RETRIES} retries a call. Answers take 0.5 to 1.5 s. Node ${process.version}.`,
);
console.log(
  `Time runs ${scale} times as fast in all processes; seconds are theirs. Shortest possible: ${shortestS.toFixed(1)} s.\n`,
);
row(['', 'seconds', 'requests', '429s', '429s later', 'failed', 'rate used']);

const server = start('limited-server.mjs');
const { port } = await answerOf(server);
for (const name of names) {
  await answerOf(server, 'reset');
  const report = await run(name, `http://127.0.0.1:${port}/`);
  const { stats } = await answerOf(server, 'stats');
  const seconds = report === undefined ? PATIENCE_S : report.timeMs / 1_000;
  // The shortest time in which what was answered could have been, as a share of the time that it took.
  const answered = new Set(stats.answered);
  const share = shortestTimeMs(calls.filter(({ id }) => answered.has(id))) / 1_000 / seconds;
  const failed = report === undefined ? CALLS - answered.size : report.failed;
  row([
    CLIENTS[name],
    seconds.toFixed(1),
    stats.requests,
    stats.rejected,
    stats.rejectedLater,
    failed,
    `${(100 * share).toFixed(1)} %`,
  ]);
  if (report?.firstError !== undefined) console.log(`  first failure: ${report.firstError.slice(0, 100)}`);
}
server.send('stop');

// Runs the workload through one client and reports; started by bench/traffic.mjs, once for each client.

import { speedUpTime } from './fast-time.mjs';
import { workload } from './workload.mjs';

const [, , name, url] = process.argv;
speedUpTime(Number(process.env.TRAFFIC_SCALE));
const clients = await import('./clients.mjs');
const send = await clients[name](url);
const startMs = performance.now();
const outcomes = await Promise.allSettled(workload().map((call) => send(call)));
const timeMs = performance.now() - startMs;
const failed = outcomes.filter(({ status }) => status === 'rejected');
const firstError = failed[0]?.reason;
process.send(
  { timeMs, failed: failed.length, firstError: firstError && String(firstError.message ?? firstError) },
  () => process.exit(0),
);

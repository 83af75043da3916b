// One row through several clients, each with a server of its own.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { closedPort } from './ports.mjs';

/** A client that does not even report at its cap, as its loop is blocked, is ended this much later. */
const GRACE_MS = 5_000;
/** Clients at once: they wait most of the time, but each burst of theirs wants a processor. */
const SIDE_BY_SIDE = 3;

/**
 * The reports of the clients, in their order. A few run side by side, or one by one where the row says so.
 *
 * @param {import('./rows.mjs').rows[number]} row
 * @param {string[]} names
 * @param {number} capMs a client that takes longer is stopped, and what it has answered counts
 */
export async function contest(row, names, capMs) {
  const width = row.isAlone ? 1 : SIDE_BY_SIDE;
  const reports = [];
  for (let place = 0; place < names.length; place += width)
    reports.push(...(await together(row, names.slice(place, place + width), capMs)));
  return reports;
}

async function together(row, names, capMs) {
  const pairs = await Promise.all(names.map((name) => open(row, name, capMs)));
  try {
    return await Promise.all(pairs.map(({ server, client }) => measure(server, client, capMs)));
  } finally {
    for (const { server, client } of pairs) {
      client.kill();
      server.disconnect();
    }
  }
}

/** A server and a client that are ready, the client with all that it loads. */
async function open(row, name, capMs) {
  const server = fork(new URL('server.mjs', import.meta.url), [row.name]);
  const [{ port }] = await once(server, 'message');
  const deadPort = row.deadModels.length > 0 ? await closedPort() : undefined;
  const urls = Object.fromEntries(
    row.models.map((model) => {
      const isDead = row.deadModels.includes(model);
      return [model, `http://127.0.0.1:${isDead ? deadPort : port}`];
    }),
  );
  const parameters = JSON.stringify({
    client: name,
    rowName: row.name,
    url: `http://127.0.0.1:${port}`,
    urls,
    capMs,
  });
  const client = fork(new URL('client-process.mjs', import.meta.url), [parameters]);
  if ((await messageOf(client)) === undefined)
    throw new Error(`The client ${name} ended before the row ${row.name} began.`);
  return { server, client };
}

/** The next message, or `undefined` where the process ends without one. */
async function messageOf(child) {
  const exit = once(child, 'exit').then(() => [undefined]);
  const [message] = await Promise.race([once(child, 'message'), exit]);
  return message;
}

async function measure(server, client, capMs) {
  server.send('start');
  await once(server, 'message');
  client.send('go');
  const patience = setTimeout(() => client.kill('SIGKILL'), capMs + GRACE_MS);
  const report = await messageOf(client);
  clearTimeout(patience);
  const timeMs = report?.timeMs ?? capMs + GRACE_MS;
  server.send({ elapsedMs: timeMs });
  const [stats] = await once(server, 'message');
  // A client that had to be killed has no report; the server knows what it answered.
  const lost = {
    answered: stats.accepted,
    requests: stats.arrived,
    failures: {},
    isCapped: true,
    isKilled: true,
  };
  return { ...(report ?? lost), timeMs, server: stats };
}

// Ports below those that the system hands out to clients: a closed one stays closed, and nobody takes it meanwhile.
import { once } from 'node:events';
import { createServer } from 'node:net';

const FIRST = 20_000;
const COUNT = 10_000;

/** Listens on a free port of 127.0.0.1 and gives its number. */
export async function listenOn(server) {
  for (;;) {
    const port = FIRST + Math.floor(COUNT * Math.random());
    server.listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
      return port;
    } catch (error) {
      if (error.code !== 'EADDRINUSE') throw error;
    }
  }
}

/** A port on which nothing listens: connections to it are refused. */
export async function closedPort() {
  const server = createServer();
  const port = await listenOn(server);
  server.close();
  await once(server, 'close');
  return port;
}

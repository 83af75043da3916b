import { expect, test } from '@jest/globals';
import { outputRepairer } from '../../src/calls/attempts/invoke-agent.js';
import { cachedCallsCode } from '../../src/calls/cached/cache-of-calls.js';
import { retriesCode } from '../../src/calls/call-path.js';
import { outputReader } from '../../src/calls/call-result.js';
import { trafficCode } from '../../src/calls/traffic-control.js';
import { AsyncOrchestrator } from '../../src/index.js';
import { jsonSchemaWriter } from '../../src/output/json-schema.js';
import { runCode } from '../../src/runs/run-start.js';
import { FakeClock } from '../../src/testing/fake-clock.js';

const CODE = [
  trafficCode,
  cachedCallsCode,
  outputReader,
  outputRepairer,
  jsonSchemaWriter,
  retriesCode,
  runCode,
];

test('where a clock is moved by hand, all code that is loaded on use is there at once', async () => {
  expect(CODE.map(({ loaded }) => loaded)).toEqual(CODE.map(() => undefined));
  const clock = new FakeClock();
  for (const { loaded } of CODE) expect(loaded).toBeDefined();
  const limits = { requestsPerMinute: 10 };
  const orchestrator = new AsyncOrchestrator({
    agents: { echo: (task) => task },
    limits,
    cache: true,
    clock,
  });
  const call = orchestrator.execute('echo', 'x');
  expect(orchestrator.stats()).toMatchObject({ running: 1 });
  await call;
  await orchestrator.close();
});

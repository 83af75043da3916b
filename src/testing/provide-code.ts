import * as computing from '../cache/compute-once.js';
import { computeCode } from '../cache/response-cache.js';
import { objectReaderCode } from '../calls/agent-stream.js';
import { streamCode } from '../calls/attempts/attempt.js';
import * as streams from '../calls/attempts/consume-stream.js';
import { outputRepairer } from '../calls/attempts/invoke-agent.js';
import { cachedCallsCode } from '../calls/cached/cache-of-calls.js';
import * as cachedCalls from '../calls/cached/cached-calls.js';
import { retriesCode } from '../calls/call-path.js';
import { outputReader } from '../calls/call-result.js';
import * as explaining from '../calls/explain/explained-calls.js';
import { explainCode } from '../calls/explain-calls.js';
import * as traffic from '../calls/lanes-and-budgets.js';
import * as retries from '../calls/retries.js';
import { trafficCode } from '../calls/traffic-control.js';
import * as jsonSchemas from '../output/core-json-schema.js';
import { jsonSchemaWriter } from '../output/json-schema.js';
import * as objects from '../output/object-reader.js';
import * as reader from '../output/parse-output.js';
import * as repairer from '../output/repair-output.js';
import * as runs from '../runs/collect-run.js';
import { runCode } from '../runs/run-start.js';

/**
 * Loads at once all code that tutti loads when a call needs it. For tests with the fake timers of Jest or Vitest, or with
 * a clock that is moved by hand: loading takes real time, in which such a clock stands still, so a retry, for instance,
 * would come after the test has moved the clock past it. Call it once, before the first call.
 */
export function provideCode(): void {
  trafficCode.provide(traffic);
  streamCode.provide(streams);
  cachedCallsCode.provide(cachedCalls);
  outputReader.provide(reader);
  objectReaderCode.provide(objects);
  outputRepairer.provide(repairer);
  computeCode.provide(computing);
  jsonSchemaWriter.provide(jsonSchemas);
  retriesCode.provide(retries);
  runCode.provide(runs);
  explainCode.provide(explaining);
}

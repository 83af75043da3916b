// A provider on loopback with one row's trouble, in a process of its own. Answers as Anthropic's messages or OpenAI's
// chat completions do, by the path; a call is known by the number in its prompt.
import { createServer } from 'node:http';
import { FixedWindow, HEADERS, TokenBucket } from './limit-shapes.mjs';
import { listenOn } from './ports.mjs';
import { rowOf } from './rows.mjs';

const row = rowOf(process.argv[2]);
const limiter = limiterOf(row.limitShape);
const headersOf = HEADERS[row.headers];
const attempts = new Map();
const stats = { arrived: 0, asked: 0, rejected: 0, accepted: 0 };
let startMs;

function limiterOf(shape) {
  if (shape?.bucket !== undefined) return new TokenBucket(shape.bucket);
  if (shape?.window !== undefined) return new FixedWindow(shape.window);
  return undefined;
}

function receive(request, body, response) {
  // A client that warms up.
  if (startMs === undefined) return send(response, 200, {}, answerTo(request, body));
  const nowMs = performance.now() - startMs;
  const call = Number(/call (\d+)/.exec(JSON.stringify(body.messages))[1]);
  const attempt = (attempts.get(call) ?? 0) + 1;
  attempts.set(call, attempt);
  stats.arrived += 1;
  const reply = row.script({ call, attempt, nowMs }) ?? limited(nowMs) ?? {};
  if (reply.isAsked) stats.asked += 1;
  if (reply.hangs) return;
  if (reply.status === 429) stats.rejected += 1;
  if (reply.status !== undefined) return send(response, reply.status, reply.headers, failure(reply.status));
  stats.accepted += 1;
  const answer = answerTo(request, body);
  setTimeout(() => send(response, 200, reply.headers, answer), reply.latencyMs ?? row.latencyMs);
}

function answerTo({ url }, { model }) {
  return url.endsWith('/chat/completions') ? completion() : message(model);
}

/** What the row's limit makes of a request: the headers of its answer, or a 429. */
function limited(nowMs) {
  if (limiter === undefined) return undefined;
  const isAdmitted = limiter.take(nowMs);
  const { waitMs, ...report } = limiter.report();
  if (isAdmitted) return { headers: headersOf(report) };
  return { status: 429, headers: headersOf({ ...report, waitMs }) };
}

function send(response, status, headers, body) {
  if (response.destroyed) return;
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

function failure(status) {
  return { type: 'error', error: { type: 'api_error', message: `trouble ${status}` } };
}

function message(model) {
  return {
    id: 'msg',
    type: 'message',
    role: 'assistant',
    model,
    content: [{ type: 'text', text: 'done' }],
    stop_reason: 'end_turn',
    stop_sequence: null,
    usage: { input_tokens: 10, output_tokens: 5 },
  };
}

function completion() {
  return {
    id: 'answer',
    object: 'chat.completion',
    created: 0,
    model: 'model',
    choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'done' } }],
    usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 },
  };
}

const server = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => receive(request, JSON.parse(Buffer.concat(chunks).toString()), response));
});
const port = await listenOn(server);

/** Closes the port for the row's time, so that connections are refused. */
function goAway([fromMs, untilMs]) {
  setTimeout(() => {
    server.close();
    server.closeAllConnections();
  }, fromMs);
  setTimeout(() => server.listen(port, '127.0.0.1'), untilMs);
}

process.on('message', (request) => {
  if (request === 'start') {
    startMs = performance.now();
    if (row.awayMs !== undefined) goAway(row.awayMs);
    process.send('started');
  } else {
    process.send({ ...stats, allowed: limiter?.allowedBy(request.elapsedMs) });
  }
});
process.once('disconnect', () => process.exit(0));
process.send({ port });

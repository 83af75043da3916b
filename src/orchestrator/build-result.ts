import type { OutputSchema } from '../contracts/output-schema.js';
import type { AgentReply, AgentReplyObject } from '../contracts/reply.js';
import type { AgentFailure, AgentResult, Timings } from '../contracts/result.js';
import type { Usage } from '../contracts/usage.js';
import { OutputError } from '../errors/execution-errors.js';
import type { TuttiError } from '../errors/tutti-error.js';
import { describeValue } from '../input/describe-value.js';
import type { Call } from './call.js';
import type { CallParts } from './call-parts.js';

/** What a call that worked gives its caller. */
export function buildResult(call: Call, reply: AgentReply): AgentResult {
  const answer = toReplyObject(reply, call.agent);
  const data = readData(call, answer);
  const model = answer.model ?? call.model;
  const metadata = call.options?.metadata;
  return {
    success: true,
    agent: call.agent,
    callId: call.callId,
    output: answer.output,
    ...(data === undefined ? undefined : { data }),
    ...(model === undefined ? undefined : { model }),
    cached: false,
    usage: toUsage(answer.usage),
    costUsd: answer.costUsd,
    savedUsd: undefined,
    attempts: call.attempts,
    timings: readTimings(call),
    finishReason: answer.finishReason ?? 'stop',
    ...(metadata === undefined ? undefined : { metadata }),
  };
}

/** What a call that failed gives its caller. */
export function buildFailure(call: Call, error: TuttiError): AgentFailure {
  const metadata = call.options?.metadata;
  return {
    success: false,
    agent: call.agent,
    callId: call.callId,
    error,
    attempts: call.attempts,
    usage: toUsage(undefined),
    costUsd: undefined,
    timings: readTimings(call),
    ...(metadata === undefined ? undefined : { metadata }),
  };
}

/** The outcome of a task that was not fit to become a call. */
export function refuse(parts: CallParts, agent: unknown, error: TuttiError): AgentFailure {
  return {
    success: false,
    agent: typeof agent === 'string' ? agent : '',
    callId: parts.nextCallId(),
    error,
    attempts: 0,
    usage: toUsage(undefined),
    costUsd: undefined,
    timings: { queuedMs: 0, runMs: 0, totalMs: 0 },
  };
}

/** Usage with every count; the total is the sum of the parts where the agent did not give one. */
export function toUsage(usage: Partial<Usage> | undefined): Usage {
  const inputTokens = usage?.inputTokens ?? 0;
  const outputTokens = usage?.outputTokens ?? 0;
  const { cacheReadTokens, cacheWriteTokens } = usage ?? {};
  const sum = inputTokens + outputTokens + (cacheReadTokens ?? 0) + (cacheWriteTokens ?? 0);
  return {
    inputTokens,
    outputTokens,
    ...(cacheReadTokens === undefined ? undefined : { cacheReadTokens }),
    ...(cacheWriteTokens === undefined ? undefined : { cacheWriteTokens }),
    totalTokens: usage?.totalTokens ?? sum,
  };
}

function readTimings(call: Call): Timings {
  const timings: Timings = {
    queuedMs: call.queuedMs,
    runMs: call.runMs,
    totalMs: call.parts.clock.now() - call.queuedAtMs,
  };
  if (call.firstTokenMs !== undefined) timings.firstTokenMs = call.firstTokenMs;
  return timings;
}

function toReplyObject(reply: AgentReply, agent: string): AgentReplyObject {
  if (typeof reply === 'string') return { output: reply };
  if (typeof reply === 'object' && reply !== null && typeof reply.output === 'string') return reply;
  throw new OutputError(
    agent,
    '',
    `it answered with ${describeValue(reply)}; expected a string or an object with a string \`output\`.`,
  );
}

/** The answer as a value: what the agent gave, or its text as JSON, validated where there is a schema. */
function readData(call: Call, answer: AgentReplyObject): unknown {
  const schema = call.definition.output;
  if (schema === undefined) return answer.data;
  return validate(schema, answer.data ?? parseJson(answer.output, call.agent), call.agent);
}

function parseJson(text: string, agent: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new OutputError(agent, '', `its answer of ${text.length} characters is not JSON.`, { cause });
  }
}

function validate(schema: OutputSchema, value: unknown, agent: string): unknown {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const path = (issue?.path ?? []).map(String).join('.');
  const where = path === '' ? 'its answer' : `its answer at ${path}`;
  throw new OutputError(agent, path, `${where} does not fit its output schema: ${issue?.message}.`, {
    cause: parsed.error,
  });
}

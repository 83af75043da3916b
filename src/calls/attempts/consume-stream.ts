import type { AgentReplyObject, AgentStreamReply, StreamSummary } from '../../contracts/reply.js';
import type { StreamEvent } from '../../contracts/stream-event.js';
import { type FinishReason, validUsage } from '../../contracts/usage.js';
import { OutputError } from '../../errors/execution-errors.js';
import { fieldOf } from '../../errors/foreign.js';
import { ProviderNetworkError } from '../../errors/provider-errors.js';
import { describeValue } from '../../input/describe-value.js';
import { loopTurn } from '../../lifecycle/loop-turn.js';
import type { StreamSink } from '../stream-sink.js';
import { priceOf, type RunningAttempt } from './running-attempt.js';
import { StreamWatch } from './stream-watch.js';

/**
 * Reads an agent's stream to its end: every event goes to the call's sink, if it has one, no faster than its
 * reader takes them, and the text is collected into a reply.
 */
export async function consumeStream(
  stream: AgentStreamReply,
  attempt: RunningAttempt,
): Promise<AgentReplyObject> {
  const iterator = stream[Symbol.asyncIterator]();
  const watch = new StreamWatch(attempt);
  attempt.streamClock = watch;
  const closer = { cancel: () => closeIterator(iterator) };
  attempt.add(closer);
  try {
    return await readAll(iterator, attempt, watch);
  } catch (thrown) {
    closeIterator(iterator);
    throw thrown;
  } finally {
    watch.stop();
    attempt.delete(closer);
  }
}

async function readAll(
  iterator: AsyncIterator<string | StreamEvent>,
  attempt: RunningAttempt,
  watch: StreamWatch,
): Promise<AgentReplyObject> {
  const { call } = attempt;
  let output = '';
  let finishReason: FinishReason | undefined;
  // Until there is output nothing has been given out, so that the attempt can still be made again.
  let heldBack: StreamEvent | undefined;
  let hasOutput = false;
  watch.awaitFirst();
  let step = await iterator.next();
  for (; step.done !== true; step = await iterator.next()) {
    if (attempt.reason !== undefined) throw attempt.reason;
    const event = toEvent(step.value, call.agent);
    if (event.type === 'usage') attempt.usage = validUsage(event.usage) ?? attempt.usage;
    if (!hasOutput && isBookkeeping(event)) {
      if (event.type === 'usage') heldBack = event;
      watch.heard('keep-alive');
      if (loopTurn.isOver) await loopTurn.next();
      continue;
    }
    watch.stop();
    watch.noteOutput();
    hasOutput = true;
    if (event.type === 'text-delta') output += event.text;
    else if (event.type === 'finish') finishReason = event.finishReason;
    const readerIsBehind = giveOut(heldBack, event, call.sink);
    heldBack = undefined;
    if (readerIsBehind !== undefined) await readerIsBehind;
    // A stream that never waits would keep its own timeout from firing.
    if (loopTurn.isOver) await loopTurn.next();
    watch.awaitNext();
  }
  const { usage } = attempt;
  const costUsd = usage && priceOf(attempt, usage);
  // An earlier attempt may have given out the text of finished steps.
  const reply = { output: call.sink?.text ?? output, usage, finishReason: finishReason ?? 'stop', costUsd };
  const { provider } = attempt.target.definition;
  if (provider === undefined) return reply;
  if (finishReason === undefined) throw cutOff(call.modelOf(attempt.target), provider.name);
  return { ...reply, ...summaryOf(step.value) };
}

/** Usage, and text without text, are no output of the agent. */
function isBookkeeping(event: StreamEvent): boolean {
  if (event.type === 'text-delta' || event.type === 'reasoning-delta') return event.text === '';
  return event.type === 'usage';
}

function giveOut(
  heldBack: StreamEvent | undefined,
  event: StreamEvent,
  sink: StreamSink | undefined,
): Promise<void> | undefined {
  if (sink === undefined) return undefined;
  const isBehind = heldBack === undefined ? undefined : sink.push(heldBack);
  return sink.push(event) ?? isBehind;
}

/** A function's stream may just end; a provider says when its answer is complete. */
function cutOff(model: string | undefined, provider: string): ProviderNetworkError {
  const problem = 'ended its stream without a finish event: the answer may be incomplete.';
  return new ProviderNetworkError(`${provider} ${problem}`, { provider, model });
}

/** What a provider's stream returned beside its events. */
function summaryOf(returned: StreamSummary | undefined): StreamSummary {
  const summary: StreamSummary = {};
  for (const field of ['model', 'costUsd', 'steps'] as const) {
    const value = fieldOf(returned, field);
    if (value !== undefined) Object.assign(summary, { [field]: value });
  }
  return summary;
}

function toEvent(item: unknown, agent: string): StreamEvent {
  if (typeof item === 'string') return { type: 'text-delta', text: item };
  if (typeof item === 'object' && item !== null && typeof (item as StreamEvent).type === 'string') {
    const event = item as StreamEvent;
    if (event.type !== 'text-delta' || typeof event.text === 'string') return event;
  }
  throw new OutputError(
    agent,
    '',
    `its stream gave ${describeValue(item)}; expected a string or an event { type, … }, a text-delta with its text.`,
  );
}

/** Notifies the stream that its reader has stopped. It may never answer, and the answer does not matter. */
function closeIterator(iterator: AsyncIterator<unknown>): void {
  try {
    iterator.return?.()?.then(undefined, () => {});
  } catch {
    // A stream that cannot even be closed has nothing more to tell us.
  }
}

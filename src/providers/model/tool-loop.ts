import type { StreamEvent } from '../../contracts/stream-event.js';
import { addUsage, type Usage } from '../../contracts/usage.js';
import { InvalidArgumentError } from '../../errors/input-errors.js';
import { AnswerText, withAnswerText } from './answer-text.js';
import type { ModelStep, StepFunction, StreamStepFunction } from './model-step.js';
import { ToolConversation, type ToolLoopOptions, type ToolLoopReply } from './tool-conversation.js';

/** Default of `maxSteps`. */
export const DEFAULT_MAX_STEPS = 8;

/** Checks the option `maxSteps` and fills in its default. */
export function resolveMaxSteps(maxSteps: number | undefined): number {
  if (maxSteps === undefined) return DEFAULT_MAX_STEPS;
  if (!Number.isInteger(maxSteps) || maxSteps < 1 || maxSteps > 1_000) {
    throw new InvalidArgumentError(
      'options.maxSteps',
      `options.maxSteps must be a whole number from 1 to 1000; got ${String(maxSteps)}.`,
    );
  }
  return maxSteps;
}

/**
 * Asks the model, runs the tools it calls (in parallel) and sends it their results, until it answers. Steps that the call
 * has finished, in an earlier attempt or one that runs beside this, are taken as they are.
 *
 * At the step limit the loop stops without running the last tool calls, since no step could use their results: the
 * reply has `finishReason: 'tool-calls'`, all steps and all usage. Such a reply is not a complete answer.
 */
export async function runToolLoop(step: StepFunction, options: ToolLoopOptions): Promise<ToolLoopReply> {
  const loop = new ToolConversation(options);
  for (;;) {
    const done = await loop.catchUp();
    if (done !== undefined) return done;
    loop.add(withAnswerText(await step(loop.request())));
  }
}

/**
 * {@link runToolLoop} as a stream: yields the deltas of every step as they arrive, the usage so far, and one `finish`
 * at the end. Returns the whole reply.
 */
export async function* streamToolLoop(
  streamStep: StreamStepFunction,
  options: ToolLoopOptions,
): AsyncGenerator<StreamEvent, ToolLoopReply, undefined> {
  const loop = new ToolConversation(options);
  for (;;) {
    const done = await loop.catchUp();
    yield* loop.newResults();
    options.onStepDelivered?.();
    if (done !== undefined) {
      yield { type: 'finish', finishReason: done.finishReason };
      return done;
    }
    const step = yield* forwardStep(streamStep(loop.request()), loop.usage);
    loop.add(step);
    if (Object.keys(loop.usage).length > 0) yield { type: 'usage', usage: loop.usage };
    options.onStepDelivered?.();
  }
}

/**
 * Forwards a step's events, without reasoning in its text, and with the usage of earlier steps added to its own. Drops
 * `finish`: the loop sends its own.
 */
async function* forwardStep(
  events: AsyncGenerator<StreamEvent, ModelStep, undefined>,
  before: Partial<Usage>,
): AsyncGenerator<StreamEvent, ModelStep, undefined> {
  const text = new AnswerText();
  let finished = false;
  try {
    for (;;) {
      const next = await events.next();
      if (next.done === true) {
        finished = true;
        yield* text.end();
        return text.stepOf(next.value);
      }
      const event = next.value;
      if (event.type === 'usage') yield { type: 'usage', usage: addUsage(before, event.usage) };
      else if (event.type === 'text-delta' || event.type === 'reasoning-delta') yield* text.read(event);
      else if (event.type !== 'finish') yield event;
    }
  } finally {
    // The reader stopped early, so the step must close its socket. After an error this does nothing.
    if (!finished) await events.return(undefined as never);
  }
}

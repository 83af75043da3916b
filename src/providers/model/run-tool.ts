import type { Tool } from '../../contracts/tool.js';
import { causeWithoutSecrets, withoutSecrets } from '../../errors/redact.js';
import type { Logger } from '../../logging/logger.js';
import { describeIssues } from '../../output/describe-issues.js';
import type { AnsweredToolCall, ModelToolCall } from './model-step.js';
import type { ToolCallProgress } from './tool-progress.js';

/**
 * Runs one tool call. The model receives every error, so that it can correct itself.
 *
 * @throws what the tool throws once its signal is aborted: that is no result.
 */
export async function runTool(
  { call }: ToolCallProgress,
  tools: ReadonlyMap<string, Tool>,
  signal: AbortSignal,
  logger: Logger,
): Promise<AnsweredToolCall> {
  const tool = tools.get(call.name);
  if (tool === undefined) return failed(call, unknownTool(call.name, tools));
  try {
    const parsed = tool.input.safeParse(call.input);
    if (!parsed.success) return failed(call, `The input is invalid: ${describeIssues(parsed.error)}`);
    const output = await tool.run(parsed.data, { signal, toolCallId: call.id });
    return { ...call, output: toText(output), isError: false };
  } catch (error) {
    if (signal.aborted) throw error;
    logger.warn(
      { tool: call.name, toolCallId: call.id, error: causeWithoutSecrets(error) },
      'a tool failed; the model receives the error',
    );
    return failed(call, messageOf(error));
  }
}

function failed(call: ModelToolCall, message: string): AnsweredToolCall {
  return { ...call, output: `Error: ${message}`, isError: true };
}

function unknownTool(name: string, tools: ReadonlyMap<string, Tool>): string {
  return `There is no tool ${JSON.stringify(name)}. The tools are: ${[...tools.keys()].join(', ')}.`;
}

function toText(output: unknown): string {
  if (typeof output === 'string') return output;
  // A tool that returns nothing has succeeded, but models take an empty result for a failure.
  return JSON.stringify(output) ?? 'done';
}

function messageOf(error: unknown): string {
  const isError = typeof error === 'object' && error !== null && 'message' in error;
  return withoutSecrets(String(isError ? error.message : error));
}

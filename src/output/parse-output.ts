import type { OutputSchema, OutputSchemaError } from '../contracts/output-schema.js';
import type { AgentReplyObject } from '../contracts/reply.js';
import { OutputError } from '../errors/execution-errors.js';
import { describeIssues, pathText } from './describe-issues.js';
import { findJsonValues } from './json-text.js';

/** An answer as a value of its schema's type, or what is invalid about it and where. */
export type ParsedOutput<T> =
  | { readonly success: true; readonly data: T }
  | {
      readonly success: false;
      /** Path of the first problem, for instance `items.0.price`; empty for the answer as a whole. */
      readonly path: string;
      /** What is invalid, in words, without the text of the answer. */
      readonly message: string;
    };

/**
 * Finds the JSON in an answer (plain, in a fenced block, or surrounded by text) and validates it. Of several values,
 * the first valid one is used.
 */
export function parseOutput<T>(text: string, schema: OutputSchema<T>): ParsedOutput<T> {
  let firstError: OutputSchemaError | undefined;
  for (const value of findJsonValues(text)) {
    const result = schema.safeParse(value);
    if (result.success) return result;
    firstError ??= result.error;
  }
  if (firstError !== undefined) return invalid(firstError);
  const what =
    text.trim() === '' ? 'the answer is empty' : `the answer contains no JSON (${text.length} characters)`;
  return { success: false, path: '', message: `${what}; expected JSON that matches the output schema` };
}

/** Parses a reply: the value that the agent returned beside its text, else the text. */
export function parseReply<T>(reply: AgentReplyObject, schema: OutputSchema<T>): ParsedOutput<T> {
  if (reply.data === undefined) return parseOutput(reply.output, schema);
  const result = schema.safeParse(reply.data);
  return result.success ? result : invalid(result.error);
}

/** The error for an invalid reply. */
export function outputError(
  agent: string,
  failure: Extract<ParsedOutput<unknown>, { success: false }>,
): OutputError {
  return new OutputError(agent, failure.path, failure.message);
}

function invalid(error: OutputSchemaError): { success: false; path: string; message: string } {
  return {
    success: false,
    path: pathText(error.issues[0]?.path ?? []),
    message: `the answer does not match the output schema: ${describeIssues(error)}`,
  };
}

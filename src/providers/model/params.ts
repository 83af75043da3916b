import { InvalidArgumentError } from '../../errors/input-errors.js';

/** Which parameter names are ours, and what the provider calls them. */
export type ParamNames = Readonly<Record<string, string>>;

/**
 * The parameters of a call as body fields: ours under the provider's names, everything else as it is. Fields
 * that the provider fills itself are refused, because a parameter that is silently dropped is a trap.
 */
export function bodyParams(
  params: Readonly<Record<string, unknown>>,
  names: ParamNames,
  reserved: ReadonlySet<string>,
): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(params)) {
    if (reserved.has(name)) {
      throw new InvalidArgumentError(
        `params.${name}`,
        `params.${name} is set by the provider itself and cannot be a parameter; leave it out.`,
      );
    }
    if (value !== undefined) body[Object.hasOwn(names, name) ? (names[name] as string) : name] = value;
  }
  return body;
}

/** The model of a request, or an error that says where to name one. */
export function requireModel(provider: string, model: string | undefined): string {
  if (model !== undefined) return model;
  throw new InvalidArgumentError(
    'model',
    `${provider} needs a model: name one in its options, in the agent's definition, or in the call.`,
  );
}

/** A tool call's arguments: the parsed JSON, nothing as an empty object, and text that is not JSON as it is. */
export function parseToolInput(text: string): unknown {
  if (text.trim() === '') return {};
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

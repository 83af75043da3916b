import { InvalidArgumentError } from '../../errors/input-errors.js';

/** The provider's names for parameters, by our names. */
export type ParamNames = Readonly<Record<string, string>>;

/**
 * The parameters of a call as body fields: known parameters under the provider's names, all others unchanged. Fields
 * that the provider sets itself are rejected, because ignoring a parameter silently would be a trap.
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

/**
 * The model of a request.
 *
 * @throws {@link InvalidArgumentError} if there is none; the message says where to set it.
 */
export function requireModel(provider: string, model: string | undefined): string {
  if (model !== undefined) return model;
  throw new InvalidArgumentError(
    'model',
    `${provider} needs a model: set one in its options, in the agent's definition, or in the call.`,
  );
}

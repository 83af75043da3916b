import { InvalidArgumentError } from '../errors/input-errors.js';
import { describeValue } from '../input/describe-value.js';

// `$` alone would accept a newline after the last character.
const AGENT_NAME = /^[a-zA-Z0-9_-]{1,128}$(?![\s\S])/;

/** Whether an agent can be registered under this name. */
export function isAgentName(name: unknown): boolean {
  return typeof name === 'string' && AGENT_NAME.test(name);
}

/**
 * Checks an agent's name.
 *
 * @throws {@link InvalidArgumentError} if it is not 1 to 128 letters, digits, hyphens and underscores.
 */
export function checkAgentName(name: unknown): asserts name is string {
  if (isAgentName(name)) return;
  throw new InvalidArgumentError(
    'agent',
    `Invalid agent name: expected 1 to 128 letters, digits, hyphens or underscores; got ${describeValue(name)}.`,
  );
}

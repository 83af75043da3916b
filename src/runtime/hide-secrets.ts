import { inspect } from 'node:util';
import { isSecretName, rememberSecret } from '../errors/redact.js';
import type { Schema } from '../input/schema.js';
import { isPlain } from './merged-config.js';

const HIDDEN = '[hidden]';

/**
 * Has settings show no secrets, here and in the options inside: in `JSON.stringify` and `console.log`. The values
 * themselves stay, and are kept out of the messages of all errors.
 *
 * @param schema Says which fields are options; other objects belong to the caller and are left alone.
 */
export function hideSecrets(settings: Record<string, unknown>, schema: Schema<unknown>): void {
  for (const [name, value] of Object.entries(settings)) {
    if (isSecretName(name)) for (const secret of [value].flat()) rememberSecret(secret);
    const inner = schema.shape[name];
    if (inner !== undefined && Object.keys(inner.shape).length > 0 && isPlain(value))
      hideSecrets(value, inner);
  }
  const shown = () => withoutSecretFields(settings);
  Object.defineProperties(settings, {
    toJSON: { value: shown, enumerable: false },
    [inspect.custom]: { value: shown, enumerable: false },
  });
}

function withoutSecretFields(settings: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [
      name,
      isSecretName(name) && value !== undefined ? HIDDEN : value,
    ]),
  );
}

import { madeOnce } from '../../input/made-once.js';
import { count, delayMs, durationMs, numberThat } from '../../input/number-schemas.js';
import { filledText, oneOf, optionsObject, thing } from '../../input/option-schemas.js';
import { list, optional, Schema, withDefault } from '../../input/schema.js';
import type { RuleSettings } from '../recommendations/rule-states.js';
import { RULES } from '../recommendations/rules.js';
import type { Alert, AlertOptions, WebhookOptions } from './alert.js';

/** {@link AlertOptions} with the defaults filled in. */
export interface ResolvedAlertOptions
  extends Omit<
    AlertOptions,
    'rules' | 'minimumLevel' | 'windowMs' | 'holdMs' | 'resolveMs' | 'budgetThresholds' | 'webhook'
  > {
  readonly rules?: Readonly<Partial<Record<string, RuleSettings | false>>> | undefined;
  readonly minimumLevel: NonNullable<AlertOptions['minimumLevel']>;
  readonly windowMs: number;
  readonly holdMs: number;
  readonly resolveMs: number;
  readonly budgetThresholds: readonly number[];
  readonly webhook?: (WebhookOptions & { readonly timeoutMs: number }) | undefined;
}

const HOUR_MS = 3_600_000;
const threshold = () => optional(numberThat(() => true, 'expected a number'));

const ruleSettings = madeOnce(() =>
  optionsObject(
    {
      info: threshold(),
      warning: threshold(),
      critical: threshold(),
      minimumSamples: optional(count(0)),
    },
    'expected false or an object such as { warning: 0.1 }',
  ),
);

const ruleSetting = (): Schema<RuleSettings | false> =>
  new Schema((given, path, issues) => (given === false ? false : ruleSettings().read(given, path, issues)));

const ruleSettingsById = (): Schema<Partial<Record<string, RuleSettings | false>>> =>
  optionsObject(
    Object.fromEntries(RULES.map(({ id }) => [id, optional(ruleSetting())])),
    'expected an object with settings by the id of a rule',
  );

const isWebAddress = (value: unknown): boolean => {
  if (typeof value !== 'string' || !URL.canParse(value)) return false;
  return ['http:', 'https:'].includes(new URL(value).protocol);
};

const webhookSchema = madeOnce(() =>
  optionsObject(
    {
      url: thing<string>(isWebAddress, 'an address that begins with http: or https:'),
      secret: filledText('a secret').refine(
        (secret) => secret.length >= 16,
        'expected at least 16 characters',
      ),
      timeoutMs: withDefault(durationMs(), 10_000),
      headers: optional(
        thing<Record<string, string>>(
          (value) => typeof value === 'object' && value !== null,
          'an object of headers',
        ),
      ),
    },
    'expected an object such as { url, secret }',
  ),
);

/** Checks {@link AlertOptions}. The defaults stand here and nowhere else. @internal */
export const alertOptionsSchema = madeOnce(() =>
  optionsObject({
    rules: optional(ruleSettingsById()),
    minimumLevel: withDefault(oneOf('info', 'warning', 'critical'), 'warning'),
    windowMs: withDefault(
      numberThat((ms) => ms >= 10_000 && ms <= HOUR_MS, 'expected milliseconds from 10000 to 3600000'),
      300_000,
    ),
    holdMs: withDefault(delayMs(), 30_000),
    resolveMs: withDefault(delayMs(), 60_000),
    budgetThresholds: withDefault(
      list(
        numberThat((share) => share > 0 && share <= 1, 'expected a share above 0 and at most 1'),
        'expected an array of shares',
      ),
      [0.5, 0.8, 0.95],
    ),
    budgetPeriodMs: optional(numberThat((ms) => ms > 0, 'expected milliseconds above 0')),
    onAlert: optional(
      thing<(alert: Alert) => void>((value) => typeof value === 'function', 'a function (alert) => void'),
    ),
    webhook: optional(webhookSchema()),
  }),
);

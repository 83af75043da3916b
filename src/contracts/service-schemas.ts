import { hasMethods } from '../input/has-methods.js';
import { thing } from '../input/option-schemas.js';
import type { Schema } from '../input/schema.js';
import type { Logger } from '../logging/logger.js';
import type { Clock } from '../time/clock.js';

/** The option `logger`, wherever there is one. @internal */
export const loggerSchema = (): Schema<Logger> =>
  thing<Logger>(hasMethods('debug', 'info', 'warn', 'error'), 'a logger with debug, info, warn and error');

/** The option `clock`, wherever there is one. @internal */
export const clockSchema = (): Schema<Clock> =>
  thing<Clock>(
    hasMethods('now', 'epochMs', 'setTimeout', 'clearTimeout'),
    'a clock with now, epochMs, setTimeout and clearTimeout',
  );

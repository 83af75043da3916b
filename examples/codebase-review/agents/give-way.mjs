import { setImmediate } from 'node:timers/promises';

/**
 * Lets everything else that is ready have its turn. The agents compute on the one thread that also runs the timers,
 * the display and Ctrl-C, so each of them gives way once before it starts.
 */
export const giveWay = () => setImmediate();

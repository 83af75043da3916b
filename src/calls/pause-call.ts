import { sleep } from '../time/sleep.js';
import type { Call } from './call.js';

/** Has the call wait for its next attempt, without a permit. Rejects with the call's reason when it is cancelled. */
export async function pauseCall(call: Call, delayMs: number): Promise<void> {
  const { clock, counters } = call.parts;
  counters.backingOff += 1;
  call.setAside();
  try {
    await sleep(delayMs, clock, call);
  } finally {
    counters.backingOff -= 1;
    call.takenUp();
  }
}

import type { Clock } from '../../../time/clock.js';
import type { TierIndex } from '../tier-index.js';
import type { DeletionLog } from './deletions.js';
import type { DiskFile } from './disk-file.js';
import type { PendingUses } from './pending-uses.js';
import type { WriteQueue } from './write-queue.js';

/** What the reader and the writer of a disk tier share. */
export interface DiskParts {
  readonly clock: Clock;
  /** The date, which never goes back. */
  readonly nowMs: () => number;
  readonly index: TierIndex;
  readonly queue: WriteQueue;
  readonly uses: PendingUses;
  readonly file: DiskFile;
  /** Deletions that other processes have yet to hear of. */
  readonly deletions: DeletionLog;
}

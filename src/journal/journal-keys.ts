import { InvalidArgumentError } from '../errors/input-errors.js';
import { RunJournalError } from '../errors/run-errors.js';
import type { TuttiError } from '../errors/tutti-error.js';
import { KeyRing } from '../signing/key-ring.js';
import { loadLastingSecrets } from '../signing/secret.js';
import { journalPath, type RunLocation } from './run-location.js';

/**
 * The keys that sign a run's journal, from the same secret as those of the cache.
 *
 * @param onProblem Called when the secret can be used, but something about it is wrong.
 * @throws {@link RunJournalError} when there is no secret that the next process would have too.
 */
export async function journalKeys(
  location: RunLocation,
  onProblem: (error: TuttiError) => void = () => {},
): Promise<KeyRing> {
  const { runId, secret } = location;
  try {
    return new KeyRing(await loadLastingSecrets({ secret, onProblem }), 'journal');
  } catch (cause) {
    if (InvalidArgumentError.isInstance(cause)) throw cause;
    throw new RunJournalError(
      { runId, path: journalPath(location) },
      'secret',
      'cannot be signed: there is no secret, and none can be kept for this user, so the run could not be resumed. Set ' +
        'TUTTI_CACHE_SECRET, or give the run the option secret.',
      { cause },
    );
  }
}

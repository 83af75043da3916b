import { RunJournalError } from '../errors/run-errors.js';
import { KeyRing } from '../signing/key-ring.js';
import { loadSecrets } from '../signing/secret.js';
import { journalPath, type RunLocation } from './run-location.js';

/**
 * The keys that sign a run's journal, from the same secret as those of the cache.
 *
 * @throws {@link RunJournalError} when there is no secret that the next process would have too.
 */
export async function journalKeys(location: RunLocation): Promise<KeyRing> {
  const { runId, secret } = location;
  let problem: unknown;
  const secrets = await loadSecrets({
    secret,
    onProblem: (error) => {
      problem = error;
    },
  });
  if (problem === undefined) return new KeyRing(secrets, 'journal');
  throw new RunJournalError(
    { runId, path: journalPath(location) },
    'secret',
    'cannot be signed: there is no secret, and none can be kept for this user, so the run could not be resumed. Set ' +
      'TUTTI_CACHE_SECRET, or give the run the option secret.',
    { cause: problem },
  );
}

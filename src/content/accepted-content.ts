import type { Provider } from '../contracts/provider.js';
import type { ContentFile } from '../contracts/task-content.js';
import { InvalidArgumentError } from '../errors/input-errors.js';
import type { PreparedContent, PreparedFile } from './prepared-content.js';

/**
 * Checks that a provider takes everything that a task holds: what it would ignore would be missing in its answer.
 *
 * @throws {@link InvalidArgumentError} for the first thing that it does not take.
 */
export function checkAccepted(content: PreparedContent, { name, accepts }: Provider): void {
  if (content.isConversation && accepts?.conversations !== true) {
    throw new InvalidArgumentError(
      'task.messages',
      `task.messages: the provider "${name}" takes one text and no conversation; pass what it needs as text, or use ` +
        'another agent.',
    );
  }
  for (const file of content.files) checkFile(file, name, accepts?.files ?? []);
}

function checkFile({ field, loaded }: PreparedFile, provider: string, accepted: readonly string[]): void {
  if (loaded !== undefined && accepted.some((pattern) => matches(loaded, pattern))) return;
  const got = loaded === undefined ? 'a file' : `${loaded.mediaType} (${loaded.bytes.length} bytes)`;
  const takes = accepted.length === 0 ? 'takes no files' : `takes files of the types ${accepted.join(', ')}`;
  throw new InvalidArgumentError(
    field,
    `${field}: the provider "${provider}" ${takes}; got ${got}. Convert it, or use another agent.`,
    { details: { provider, mediaType: loaded?.mediaType } },
  );
}

function matches({ kind, mediaType }: ContentFile, pattern: string): boolean {
  if (pattern === '*' || pattern === mediaType) return true;
  // Much text has a type of its own, for instance application/json.
  return pattern === 'text/*' && kind === 'text';
}

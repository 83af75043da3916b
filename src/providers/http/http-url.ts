import { InvalidArgumentError } from '../../errors/input-errors.js';
import { describeAddress } from '../check-options.js';

/**
 * Parses the URL of an endpoint.
 *
 * @throws {@link InvalidArgumentError} if it is not an absolute `http:` or `https:` URL, or contains credentials.
 */
export function requireHttpUrl(url: unknown): URL {
  const text = typeof url === 'string' ? url : isUrl(url) ? url.href : '';
  if (!URL.canParse(text)) {
    throw new InvalidArgumentError(
      'options.url',
      `httpAgent: url must be an absolute URL, for instance https://example.com/ask; got ${describeAddress(url)}.`,
    );
  }
  const parsed = new URL(text);
  if (parsed.protocol !== 'http:' && parsed.protocol !== 'https:') {
    throw new InvalidArgumentError(
      'options.url',
      `httpAgent: url must begin with http:// or https://; got ${parsed.protocol}//.`,
    );
  }
  if (parsed.username !== '' || parsed.password !== '') {
    throw new InvalidArgumentError(
      'options.url',
      'httpAgent: url must not contain a user name or password; send them in headers.',
    );
  }
  return parsed;
}

/** The URL for messages, without its query, which may contain a key. */
export function describeUrl(url: URL): string {
  return url.origin + url.pathname;
}

function isUrl(value: unknown): value is URL {
  return Object.prototype.toString.call(value) === '[object URL]';
}

import { expect, test } from '@jest/globals';
import {
  ProviderAuthError,
  ProviderNetworkError,
  ProviderOverloadedError,
  ProviderRateLimitedError,
  ProviderRefusalError,
  ProviderRequestError,
  ProviderResponseError,
  ProviderTimeoutError,
} from '../../../src/errors/provider-errors.js';
import { failureClassOf } from '../../../src/resilience/retry/failure-class.js';

test.each([
  ['rate limit', ProviderRateLimitedError, undefined, 'rate-limited'],
  ['rate limit inside an answer', ProviderRateLimitedError, 200, 'rate-limited'],
  ['cut answer', ProviderNetworkError, 200, 'network'],
  ['refused connection', ProviderNetworkError, undefined, 'network'],
  ['connection timeout', ProviderTimeoutError, undefined, 'timeout'],
  ['missing key', ProviderAuthError, undefined, 'auth'],
  ['unpaid bill', ProviderAuthError, 402, 'auth'],
  ['bad request', ProviderRequestError, 422, 'request'],
  ['content filter', ProviderRefusalError, 400, 'refused'],
  ['overload inside an answer', ProviderOverloadedError, 200, 'overloaded'],
  ['overload inside a stream', ProviderOverloadedError, undefined, 'overloaded'],
  ['overload with its own status', ProviderOverloadedError, 529, 'overloaded'],
  ['server error', ProviderOverloadedError, 500, 'server'],
  ['gateway timeout', ProviderOverloadedError, 504, 'timeout'],
  ['web page in place of an answer', ProviderResponseError, 200, 'other'],
] as const)(
  "a provider's %s is classified by the class of its error",
  (_what, ErrorClass, status, expected) => {
    const error = new ErrorClass('failed', { provider: 'p', status });
    expect(failureClassOf(error)).toBe(expected);
  },
);

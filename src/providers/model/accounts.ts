import type { Provider, ProviderAccount } from '../../contracts/provider.js';
import { sha256Hex } from '../../hashing/digest.js';

/** One of several API keys. */
export interface ApiKey {
  /** The key. */
  readonly key: string;
  /** What it is called in lanes and statistics: letters, digits, `_` and `-`. @default six characters of its digest */
  readonly name?: string | undefined;
  /** Requests that may be made with it in one day, which begins at midnight UTC; at least 1. @default no limit */
  readonly requestsPerDay?: number | undefined;
}

/** What `apiKeys` takes. */
export type ApiKeys = ReadonlyArray<string | ApiKey>;

const KNOWN: readonly string[] = ['key', 'name', 'requestsPerDay'];

/** Says what is expected where a value is no list of keys. */
export function expectApiKeys(value: unknown): string | undefined {
  const expected = 'a list of keys, each a string or { key, name, requestsPerDay }, none of them twice';
  if (!Array.isArray(value) || value.length === 0) return expected;
  const keys = (value as unknown[]).map((one) => (typeof one === 'string' ? { key: one } : one));
  if (!keys.every(isApiKey)) return expected;
  const isDistinct = (names: readonly string[]): boolean => new Set(names).size === names.length;
  return isDistinct(keys.map(({ key }) => key)) && isDistinct(keys.map(nameOf)) ? undefined : expected;
}

function isApiKey(value: unknown): value is ApiKey {
  if (typeof value !== 'object' || value === null) return false;
  const { key, name, requestsPerDay } = value as Record<string, unknown>;
  const isName = name === undefined || (typeof name === 'string' && /^[\w-]{1,64}$/.test(name));
  const isQuota =
    requestsPerDay === undefined || (Number.isSafeInteger(requestsPerDay) && Number(requestsPerDay) > 0);
  const isKnown = Object.keys(value).every((field) => KNOWN.includes(field));
  return typeof key === 'string' && key !== '' && isName && isQuota && isKnown;
}

/** The part of a provider's options that names its keys. */
interface KeyOptions {
  readonly apiKey?: string | undefined;
  readonly apiKeys?: ApiKeys | undefined;
}

/** The provider that `create` makes with `apiKey`, or one over all `apiKeys`, each of which is an account. */
export function withAccounts<Options extends KeyOptions>(
  options: Options,
  create: (options: Options) => Provider,
): Provider {
  const { apiKeys, ...others } = options;
  if (apiKeys === undefined) return create(options);
  const accounts = apiKeys.map((one): ProviderAccount => {
    const apiKey = typeof one === 'string' ? { key: one } : one;
    const provider = create({ ...others, apiKey: apiKey.key } as unknown as Options);
    const name = `${provider.name}#${nameOf(apiKey)}`;
    return { provider: { ...provider, name }, requestsPerDay: apiKey.requestsPerDay };
  });
  const [first] = accounts as [ProviderAccount, ...ProviderAccount[]];
  const name = first.provider.name.slice(0, first.provider.name.lastIndexOf('#'));
  const close = async (): Promise<void> => {
    await Promise.all(accounts.map(async ({ provider }) => await provider.close?.()));
  };
  return { ...first.provider, name, accounts, close };
}

/** Agents with the same key have the same lane, so it is named after the key, which its digest does not disclose. */
function nameOf({ key, name }: ApiKey): string {
  return name ?? sha256Hex(`tutti-api-key;${key}`).slice(0, 6);
}

import { expectText, mismatch } from '../input/checks.js';
import { type CacheSetOptions, TENANT_PREFIX } from './set-options.js';

/** The tag that marks a tenant's answers. Tags are signed, and found in every tier. */
export function tenantTag(tenant: string): string {
  return TENANT_PREFIX + tenant;
}

/** The settings of an answer, marked as the tenant's. */
export function withTenant(options: CacheSetOptions, tenant: string | undefined): CacheSetOptions {
  return tenant === undefined ? options : { ...options, tags: [...(options.tags ?? []), tenantTag(tenant)] };
}

/** @throws {@link InvalidArgumentError} when it is no string or empty. */
export function checkName(field: string, name: unknown): asserts name is string {
  const expected = expectText(name);
  if (expected !== undefined) throw mismatch(field, expected, name);
}

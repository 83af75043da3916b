import type { OutputSchema } from '../contracts/output-schema.js';

const ttlsMs = new WeakMap<OutputSchema, number>();

/** From now on answers that match the schema stay fresh that long, unless call or agent say otherwise. */
export function setSchemaTtl(schema: OutputSchema, ttlMs: number): void {
  ttlsMs.set(schema, ttlMs);
}

/** How long answers that match the schema stay fresh, in milliseconds; `undefined` if the schema does not say. */
export function schemaTtlMs(schema: OutputSchema | undefined): number | undefined {
  return schema === undefined ? undefined : ttlsMs.get(schema);
}

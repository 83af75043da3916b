/** A value whose objects and arrays cannot be changed, all the way down. */
export type DeepReadonly<Value> = Value extends (...args: never[]) => unknown
  ? Value
  : Value extends object
    ? { readonly [Key in keyof Value]: DeepReadonly<Value[Key]> }
    : Value;

/** Freezes plain objects and arrays, all the way down. The value must not contain itself. */
export function deepFreeze<Value>(value: Value): DeepReadonly<Value> {
  const waiting: unknown[] = [value];
  for (let next = waiting.pop(); waiting.length > 0 || next !== undefined; next = waiting.pop()) {
    if (typeof next !== 'object' || next === null || Object.isFrozen(next)) continue;
    Object.freeze(next);
    for (const inner of Object.values(next)) if (typeof inner === 'object') waiting.push(inner);
  }
  return value as DeepReadonly<Value>;
}

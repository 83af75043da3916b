/**
 * A function that makes a value at its first call and gives the same one from then on. Schemas are made so: building
 * them all takes ten milliseconds, which importing the package should not.
 */
export function madeOnce<Value extends object>(make: () => Value): () => Value {
  let made: Value | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

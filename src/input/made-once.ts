/**
 * A function that creates a value at its first call and returns the same one from then on. For schemas: building them
 * all takes ten milliseconds, which would otherwise be spent on importing the package.
 */
export function madeOnce<Value extends object>(make: () => Value): () => Value {
  let made: Value | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

import * as z from 'zod/mini';

// Schemas of options are written with zod/mini, which the build takes into the package: importing all of zod takes
// longer than importing everything else. zod/mini has no messages of its own, so every schema here brings one. Each
// completes "<field>: <message>; got <value>."

/** An object of options; a key that is not in the shape is an error. @internal */
export function optionsObject<Shape extends z.core.$ZodLooseShape>(
  shape: Shape,
  message = 'expected an object',
): ReturnType<typeof z.strictObject<Shape>> {
  return z.strictObject(shape, message);
}

/** A string. @internal */
export const text = (expected = 'a string'): z.ZodMiniString => z.string(`expected ${expected}`);

/** A string with something in it. @internal */
export const filledText = (expected: string): z.ZodMiniString =>
  text().check(z.refine((value: string) => value !== '', `expected ${expected}`));

/** `true` or `false`. @internal */
export const flag = (): z.ZodMiniType<boolean> =>
  thing<boolean>((value) => typeof value === 'boolean', 'true or false');

/** Anything that passes the check. @internal */
export const thing = <Value>(passes: (value: unknown) => boolean, expected: string): z.ZodMiniType<Value> =>
  z.custom<Value>(passes, `expected ${expected}`);

/** One of a few words. @internal */
export function oneOf<const Words extends readonly string[]>(...words: Words): z.ZodMiniType<Words[number]> {
  const quoted = words.map((word) => `"${word}"`);
  const last = quoted.pop();
  return thing<Words[number]>(
    (value) => words.includes(value as string),
    quoted.length === 0 ? `${last}` : `${quoted.join(', ')} or ${last}`,
  );
}

/** An object with a value under each of any names; `wrong` says what a value should have been, where it is not that. @internal */
export const mapping = <Value>(
  wrong: (value: unknown) => string | undefined,
  message = 'expected an object',
): z.ZodMiniType<Record<string, Value>> =>
  z.custom<Record<string, Value>>(isPlainObject, message).check(
    z.overwrite((map) => ({ ...map })),
    z.check(({ value: map, issues }) => {
      for (const [name, input] of Object.entries(map)) {
        const message = wrong(input);
        if (message !== undefined) issues.push({ code: 'custom', path: [name], message, input });
      }
    }),
  );

function isPlainObject(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // Of another realm too.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

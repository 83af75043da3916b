// Options are checked by schemas of our own and not by those of zod: these are a few lines, and the part of zod that
// options would need is larger than the rest of what is read at the start.

/** One thing that is wrong with a value. */
export interface Issue {
  /** The names that lead to it. */
  readonly path: readonly string[];
  /** Completes "<field>: <message>; got <value>." */
  readonly message: string;
  /** What came. */
  readonly value: unknown;
  /** Whether the value is of another kind altogether, so that another schema of a union may be meant. */
  readonly isOtherKind: boolean;
  /** The names that an object knows, where it was given another. */
  readonly knownKeys?: readonly string[];
}

type Reader<Output> = (value: unknown, path: readonly string[], issues: Issue[]) => Output;

/** Says what a value has to be, and fills in what it leaves out. */
export class Schema<Output> {
  /** Gives what comes of the value; what is wrong with it is added to the issues. */
  readonly read: Reader<Output>;
  /** The schemas of an object's parts by name; of anything else none. */
  readonly shape: Shape;

  constructor(read: Reader<Output>, shape: Shape = {}) {
    this.read = read;
    this.shape = shape;
  }

  /** The same with one more rule, checked where all before it hold; `key` names the part of an object that breaks it. */
  refine(holds: (output: Output) => boolean, message: string, key?: string): Schema<Output> {
    return new Schema((value, path, issues) => {
      const before = issues.length;
      const output = this.read(value, path, issues);
      if (issues.length > before || holds(output)) return output;
      const broken =
        key === undefined
          ? { path, value }
          : { path: [...path, key], value: (value as Record<string, unknown>)[key] };
      issues.push({ ...broken, message, isOtherKind: false });
      return output;
    }, this.shape);
  }
}

/** The schema of a part that may be left out. */
export class OptionalSchema<Output> extends Schema<Output | undefined> {
  readonly isOptional = true;
}

/** The schemas of an object's parts by name. */
export type Shape = Readonly<Record<string, Schema<unknown>>>;

/** What comes of a schema. */
export type OutputOf<Any> = Any extends Schema<infer Output> ? Output : never;

type OptionalKeys<Parts extends Shape> = {
  [Key in keyof Parts]: Parts[Key] extends OptionalSchema<unknown> ? Key : never;
}[keyof Parts];

/** What comes of an object of these schemas. */
export type ObjectOf<Parts extends Shape> = {
  [Key in Exclude<keyof Parts, OptionalKeys<Parts>>]: OutputOf<Parts[Key]>;
} & { [Key in OptionalKeys<Parts>]?: OutputOf<Parts[Key]> };

/** A value that may be left out. */
export function optional<Output>(schema: Schema<Output>): OptionalSchema<Output> {
  return new OptionalSchema(
    (value, path, issues) => (value === undefined ? undefined : schema.read(value, path, issues)),
    schema.shape,
  );
}

/** A value with a default, which is read as if it had been given. */
export function withDefault<Output>(schema: Schema<Output>, given: unknown): Schema<Output> {
  return new Schema(
    (value, path, issues) => schema.read(value === undefined ? given : value, path, issues),
    schema.shape,
  );
}

/** What the first schema that fits makes of a value. */
export function union<Schemas extends readonly Schema<unknown>[]>(
  schemas: Schemas,
  message: string,
): Schema<OutputOf<Schemas[number]>> {
  return new Schema((value, path, issues) => {
    const misfits: Issue[][] = [];
    for (const schema of schemas) {
      const found: Issue[] = [];
      const output = schema.read(value, path, found);
      if (found.length === 0) return output as OutputOf<Schemas[number]>;
      misfits.push(found);
    }
    // Of the one that was meant the issues say more than that of the union.
    const meant = misfits.filter((found) => found.every(({ isOtherKind }) => !isOtherKind));
    const [only] = meant;
    if (meant.length === 1 && only !== undefined) issues.push(...only);
    else issues.push({ path, message, value, isOtherKind: true });
    return undefined as never;
  });
}

/** An array, copied. */
export function list<Output>(schema: Schema<Output>, message: string): Schema<Output[]> {
  return new Schema((value, path, issues) => {
    if (Array.isArray(value))
      return Array.from(value as unknown[], (item, index) =>
        schema.read(item, [...path, `${index}`], issues),
      );
    issues.push({ path, message, value, isOtherKind: true });
    return [];
  });
}

/** An object with a value of one schema under each of any names, copied. */
export function record<Output>(schema: Schema<Output>, message: string): Schema<Record<string, Output>> {
  return new Schema((value, path, issues) => {
    if (isObject(value)) {
      const read = Object.entries(value).map(([name, part]) => [
        name,
        schema.read(part, [...path, name], issues),
      ]);
      return Object.fromEntries(read) as Record<string, Output>;
    }
    issues.push({ path, message, value, isOtherKind: true });
    return {};
  });
}

/** Whether it is an object and no array. */
export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** An object with these parts, copied; what else it has is kept where `rest` is, and an issue where not. */
export function object<Parts extends Shape>(
  shape: Parts,
  message: string,
  rest: 'refuse' | 'keep' = 'refuse',
): Schema<ObjectOf<Parts>> {
  return new Schema((value, path, issues) => {
    const output: Record<string, unknown> = {};
    if (!isObject(value)) {
      issues.push({ path, message, value, isOtherKind: true });
      return output as ObjectOf<Parts>;
    }
    for (const [key, schema] of Object.entries(shape)) {
      const part = schema.read(value[key], [...path, key], issues);
      if (part !== undefined || key in value) output[key] = part;
    }
    for (const key of Object.keys(value)) {
      if (Object.hasOwn(shape, key)) continue;
      if (rest === 'keep') output[key] = value[key];
      else
        issues.push({
          path: [...path, key],
          message,
          value: value[key],
          isOtherKind: true,
          knownKeys: Object.keys(shape),
        });
    }
    return output as ObjectOf<Parts>;
  }, shape);
}

/** The part of a zod schema that is used for answers. Every zod schema has it. */
export interface OutputSchema<T = unknown> {
  /** Validates without throwing. */
  safeParse(value: unknown): OutputSchemaResult<T>;
}

/** The outcome of a validation. */
export type OutputSchemaResult<T> =
  | {
      /** The value is valid. */
      success: true;
      /** The value, as the schema returns it. */
      data: T;
    }
  | {
      /** The value is invalid. */
      success: false;
      /** Why not. */
      error: OutputSchemaError;
    };

/** The result of a failed validation, as zod reports it. */
export interface OutputSchemaError {
  /** What is wrong and where. */
  issues: ReadonlyArray<{
    /** Path from the root to the value. */
    path: ReadonlyArray<PropertyKey>;
    /** What is wrong with it. */
    message: string;
  }>;
}

/** The part of a zod schema that is used for answers; any zod schema fits. */
export interface OutputSchema<T = unknown> {
  /** Validates without throwing. */
  safeParse(value: unknown): OutputSchemaResult<T>;
}

/** The outcome of a validation. */
export type OutputSchemaResult<T> =
  | {
      /** The value fits. */
      success: true;
      /** The value as the schema gives it back. */
      data: T;
    }
  | {
      /** The value does not fit. */
      success: false;
      /** Why not. */
      error: OutputSchemaError;
    };

/** What a failed validation tells: zod's errors fit. */
export interface OutputSchemaError {
  /** What is wrong and where. */
  issues: ReadonlyArray<{
    /** Path from the root to the value. */
    path: ReadonlyArray<PropertyKey>;
    /** What is wrong with it. */
    message: string;
  }>;
}

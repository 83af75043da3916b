/** The part of a zod schema that is used for answers; any zod schema fits. */
export interface OutputSchema<T = unknown> {
  /** Validates without throwing. */
  safeParse(value: unknown): { success: true; data: T } | { success: false; error: OutputSchemaError };
}

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

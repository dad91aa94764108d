/**
 * Validation by any library that speaks Standard Schema 1 (Zod, Valibot, ArkType, …), and `type<T>()`,
 * which checks nothing and only carries a type.
 * Source of the interface: standardschema.dev, version 1, reduced to what is used here.
 */
import { SyncError } from "./errors.ts";

export interface Schema<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

export interface SchemaIssue {
  readonly message: string;
  readonly path?: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined;
}

export type InputOf<S> = S extends Schema<infer I, unknown> ? I : unknown;
export type OutputOf<S> = S extends Schema<never, infer O> | Schema<infer _, infer O> ? O : unknown;

/** A schema that accepts everything: the type alone. */
export function type<T>(): Schema<T, T> {
  return { "~standard": { version: 1, vendor: "sente-sync", validate: (value) => ({ value: value as T }) } };
}

/** The validated value; throws SyncError `invalid` with the issues, or `unsupported` for a schema that answers in a promise. */
export function validate(schema: Schema, value: unknown, what: string): unknown {
  const result = schema["~standard"].validate(value);
  if (result instanceof Promise)
    throw new SyncError("unsupported", `The schema of ${what} is asynchronous; use a synchronous one.`);
  if (!result.issues) return result.value;
  const issues = result.issues.map(({ message, path }) => ({
    message,
    path: (path ?? []).map((step) => String(typeof step === "object" ? step.key : step)),
  }));
  const first = issues[0];
  throw new SyncError("invalid", `${what}: ${first?.path.join(".") ?? ""} ${first?.message ?? "is invalid"}`, {
    data: { issues },
  });
}

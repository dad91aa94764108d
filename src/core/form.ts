/**
 * Types of a form: its fields by path, and what is known of one that is not filled in yet.
 *
 * A field is named by its keys with dots between them, `address.city`; an array is one field, and so is a date.
 * Always: types alone; nothing here runs.
 * Rules: docs/protocol/form.md FORM1-FORM3, TEXT1.
 */
import type { InputOf, OutputOf, Schema } from "./schema.ts";

/** One value, whatever is in it. */
type Whole = readonly unknown[] | Date | Uint8Array;

/** A form that is being filled in: anything may be missing. */
export type Draft<T> = T extends Whole ? T : T extends object ? { readonly [K in keyof T]?: Draft<T[K]> } : T;

/** The names of the fields of a T, at most four keys deep. */
export type FieldName<T, Depth extends readonly 0[] = []> = Depth["length"] extends 4
  ? never
  : T extends Whole
    ? never
    : T extends object
      ? { [K in keyof T & string]: K | `${K}.${FieldName<NonNullable<T[K]>, [...Depth, 0]>}` }[keyof T & string]
      : never;

/** What is in the field of that name. */
export type FieldValue<T, Name extends string> = Name extends `${infer Key}.${infer Rest}`
  ? Key extends keyof T
    ? FieldValue<NonNullable<T[Key]>, Rest>
    : never
  : Name extends keyof T
    ? T[Name]
    : never;

/** The names of those fields of a T that hold any text. */
export type TextName<T> = {
  [N in FieldName<T>]: string extends NonNullable<FieldValue<T, N>>
    ? NonNullable<FieldValue<T, N>> extends string
      ? N
      : never
    : never;
}[FieldName<T>];

export type FormSchema = Schema<never, unknown> | Schema;

/** What a form is to its users: what is typed, what `onSubmit` gets, and what it answers. */
export interface FormShape<In, Out, Answer> {
  readonly input: In;
  readonly output: Out;
  readonly answer: Answer;
}

export type ShapeOf<S, Answer> = FormShape<InputOf<S>, OutputOf<S>, Answer>;

export interface FormDefinition<S extends FormSchema, Answer> {
  /** Checks the whole form: at once on the client, as far as it answers at once, and again on the server. */
  readonly schema: S;
  /** What the fields hold before anybody wrote; a plain object. */
  readonly initial?: Draft<InputOf<S>>;
  /** Fields that stay in their client until it submits: never shared, logged or kept on a disk. */
  readonly private?: readonly FieldName<InputOf<S>>[];
  /**
   * `{ bio: { text: true } }`: what several people write in there at once merges letter by letter. Both sides need `formTexts`, of
   * `sente-sync/form/text` and of `sente-sync/form/text/server`.
   */
  readonly fields?: { readonly [N in TextName<InputOf<S>>]?: { readonly text: boolean } };
  /** Only its type counts: what `onSubmit` returns, `type<{ id: string }>()`. Everybody in the form can read it. */
  readonly answer?: Schema<Answer, Answer>;
}

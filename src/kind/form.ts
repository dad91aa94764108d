/**
 * What a form is between its server and its clients: a tree that everybody writes, and a value that the server keeps beside it.
 *
 * The tree, `signup/7`, is a shared one; what people type is under `value`, the rest is the server's. What the server keeps,
 * `signup/7/@form`, is an atom in memory: verdicts, and who is editing what. Texts that merge letter by letter are in a document,
 * `signup/7/@text`, and the server writes what they say to the tree. None of them has a private field in it.
 * Always: what is read from the other side is what its type says, or `undefined`.
 * Rules: docs/protocol/form.md FORM1-FORM8.
 */
import type { WireError } from "../core/errors.ts";

/** Messages by the name of the field; those under "" are of the form as a whole. */
export type FormErrors = { readonly [field: string]: readonly string[] };

/** What became of a submission that was begun. */
export interface Submission {
  /** Who submitted: id of the user. */
  readonly by: string;
  readonly atMs: number;
  /** `running`: `onSubmit` is at it. */
  readonly status: "running" | "accepted" | "refused" | "failed";
  readonly answer?: unknown;
  readonly errors?: FormErrors;
  readonly error?: WireError;
}

/** What was accepted last: the form is submitted for as long as its values are these. */
export interface Submitted {
  readonly id: string;
  readonly value: unknown;
  readonly answer?: unknown;
  readonly by: string;
  readonly atMs: number;
}

export interface FormTree {
  readonly value: unknown;
  /** By id, the newest few. */
  readonly submissions?: { readonly [id: string]: Submission };
  readonly submitted?: Submitted;
}

/** Somebody who has a field open. */
export interface Editor {
  /** Public id of the client's session. */
  readonly id: string;
  /** Id of the user. */
  readonly user: string;
  readonly name?: string;
  readonly field: string;
  /** Asks others to leave the field alone for now. */
  readonly locked: boolean;
}

/** What a validator said of a field. */
export interface Verdict {
  /** The field's value then, and those of the fields that it depends on. */
  readonly of: readonly unknown[];
  readonly errors: readonly string[];
}

export interface FormLive {
  /** Fields with a validator, and those that each depends on. */
  readonly checked: { readonly [field: string]: readonly string[] };
  /** Fields that the server writes. */
  readonly derived: readonly string[];
  readonly lockMs: number;
  readonly verdicts: { readonly [field: string]: Verdict };
  /** Of the rules between fields. */
  readonly rules: FormErrors;
  /** By the ids of their sessions. */
  readonly editors: { readonly [id: string]: Editor };
  /** Somebody submits. */
  readonly isSubmitting: boolean;
}

/** The request that carries what is no write: who edits, and what is submitted. */
export const askEvent = "form/ask";

export type FormAsk = {
  readonly topic: string;
} & (
  | { readonly what: "edit"; readonly field: string | null; readonly lock: boolean }
  | { readonly what: "submit"; readonly id: string; readonly again: boolean; readonly private: unknown }
);

/** The answer to a submit. */
export type SubmitReply = Pick<Submission, "answer" | "errors" | "error"> & {
  readonly status: "accepted" | "refused" | "failed";
};

export function readAsk(data: unknown): FormAsk | undefined {
  const { topic, what, field, lock, id, again, private: own } = (data ?? {}) as Record<string, unknown>;
  if (typeof topic !== "string") return undefined;
  if (what === "edit" && (field === null || typeof field === "string")) return { topic, what, field, lock: lock === true };
  if (what === "submit" && typeof id === "string" && id.length > 0 && id.length <= 64)
    return { topic, what, id, again: again === true, private: own };
  return undefined;
}

/** The topic of what the server keeps beside the tree. No param of a pattern can spell it. */
export const liveTopic = (topic: string): string => `${topic}/@form`;

/** The topic of the texts that merge letter by letter. */
export const textTopic = (topic: string): string => `${topic}/@text`;

/**
 * What the parts of a form on a client share: its fields as they are edited here, and the view that all handles are made of.
 * Rules: docs/protocol/form.md FORM1-FORM8, FIELD1-FIELD9.
 */
import type { Timer } from "../core/env.ts";
import type { Unsubscribe } from "../core/store.ts";
import type { FormErrors, FormLive, FormTree } from "../kind/form.ts";
import type { FieldState, FieldStep } from "../kind/form-field.ts";
import type { Keys } from "../kind/registers.ts";
import type { Client, KindCore } from "./client.ts";
import type { Edits } from "./form-edits.ts";
import type { TextElement } from "./form-text.ts";
import type { ClientShared } from "./shared.ts";

/** A field that is, or was, edited here. */
export interface Slot {
  readonly name: string;
  readonly keys: Keys;
  readonly isPrivate: boolean;
  /** It merges letter by letter: its state has no value. */
  readonly isText: boolean;
  state: FieldState;
  timer: Timer | undefined;
  /** Why its last write did not come through. */
  rejected: string | undefined;
}

/** Everything that a view of the form is made of, at one moment; the same object while nothing changed. */
export interface FormView {
  /** What the form shows, private fields included. */
  readonly whole: unknown;
  /** Without what only this client has. */
  readonly shared: unknown;
  readonly errors: FormErrors;
  readonly live: FormLive | undefined;
  readonly tree: FormTree | undefined;
}

export interface FormTopic {
  readonly tree: ClientShared<FormTree>;
  readonly client: Client;
  readonly core: KindCore;
  readonly initial: unknown;
  /** How long a keystroke may wait. */
  debounceMs: number;
  view(): FormView;
  /** The one of that name, if it is edited here. One that is private stays due: it goes with a submit. */
  slot(name: string): Slot | undefined;
  step(name: string, step: FieldStep): void;
  /** A text that merges letter by letter. */
  merges(name: string): boolean;
  /** It is not here yet. */
  isLoading(name: string): boolean;
  /** The element shows and edits it. */
  bind(name: string, element: TextElement): Unsubscribe;
  /** Who edits what here, as the others are told. */
  readonly edits: Edits;
  /** The public id of this client's session. */
  readonly self: string;
  /** Something of a private field was typed since the last time that this was set to false. */
  hasNewPrivate: boolean;
  readonly privateValues: unknown;
  /** Fields with an undecided conflict. */
  conflicts(): readonly string[];
  /** What the schema says here. */
  localErrors(): FormErrors;
  /** Of fields whose last write was rejected. */
  rejections(): FormErrors;
  /** What the server refused, shown until the field changes. */
  refuse(errors: FormErrors): void;
  /** All fields count as touched. */
  touchAll(): void;
  /** Writes what is due, and resolves once nothing is under way. */
  flush(): Promise<void>;
  reset(): void;
  listen(run: () => void): Unsubscribe;
  changed(): void;
  /** Its fields are `touched` whether they had the focus or not. */
  readonly isTried: boolean;
}

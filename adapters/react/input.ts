/**
 * What makes an element of a page a field of a form: its value, and what it tells.
 *
 * Always: what is typed is told in the event in which it is typed, so that the caret and a composition (IME) stay. A text that merges has no
 * value of React's: it is bound to its element.
 * Rules: docs/protocol/form.md FIELD1-FIELD8.
 */
import type { ChangeEvent, SyntheticEvent } from "react";
import { type ClientForm, type Field, type FieldState, inputText, inputValue, type TextElement } from "sente-sync/form";

export type InputKind = "text" | "number" | "checkbox" | "list";

type Edited = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;

/** For `<input>`, `<textarea>` and `<select>`. */
export interface InputProps {
  readonly name: string;
  readonly value?: string | number | readonly string[];
  readonly checked?: boolean;
  readonly readOnly?: boolean;
  readonly "aria-invalid"?: true;
  /** Of a field that merges, in the place of a value and `onChange`. */
  readonly ref?: TextRef;
  onChange?(event: ChangeEvent<Edited>): void;
  onFocus(): void;
  onBlur(): void;
  onCompositionStart?(): void;
  onCompositionEnd?(): void;
}

/** Binds a text that merges to the element that it is given. */
export type TextRef = (element: Edited | null) => void;

/** The same one for as long as the field is: React takes another one for another element. */
export function textRef<V>({ merges, bind }: Field<V>): TextRef | undefined {
  let stop: (() => void) | undefined;
  const set: TextRef = (element) => {
    stop?.();
    stop = element ? bind(element as TextElement) : undefined;
  };
  return merges ? set : undefined;
}

export function inputProps<V>(
  field: Field<V>,
  { value, derived, loading, touched, errors }: FieldState<V>,
  { input, lock = false }: { readonly input?: InputKind | undefined; readonly lock?: boolean } = {},
  ref?: TextRef,
): InputProps {
  const isBox = input === "checkbox" || typeof value === "boolean";
  const shared = {
    name: field.name,
    ...((derived || loading) && { readOnly: true }),
    ...(touched && errors.length > 0 && { "aria-invalid": true as const }),
    onFocus() {
      field.focus();
      // Nobody waits for the answer: `lockedBy` tells the others.
      if (lock) void field.lock();
    },
    onBlur: () => field.blur(),
  };
  if (ref) return { ...shared, ref };
  return {
    ...shared,
    ...(isBox ? { checked: (value as unknown) === true } : { value: inputText(input === "list" ? (value ?? []) : value) }),
    onChange: ({ target }) => field.set(inputValue(target, value) as V),
    onCompositionStart: () => field.compose(true),
    onCompositionEnd: () => field.compose(false),
  };
}

export interface FormProps {
  readonly noValidate: true;
  onSubmit(event: Pick<SyntheticEvent, "preventDefault">): void;
}

export function formProps({ submit }: Pick<ClientForm<unknown>, "submit">): FormProps {
  return {
    noValidate: true,
    onSubmit(event) {
      event.preventDefault();
      void submit();
    },
  };
}

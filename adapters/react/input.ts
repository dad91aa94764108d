/**
 * What makes an element of a page a field of a form: its value, and what it tells.
 *
 * Always: what is typed is told in the event in which it is typed, so that the caret and a composition (IME) stay.
 * Rules: docs/protocol/form.md FIELD1-FIELD8.
 */
import type { ChangeEvent, SyntheticEvent } from "react";
import { type ClientForm, type Field, type FieldState, inputText, inputValue } from "sente-sync/form";

export type InputKind = "text" | "number" | "checkbox" | "list";

type Edited = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;

/** For `<input>`, `<textarea>` and `<select>`. */
export interface InputProps {
  readonly name: string;
  readonly value?: string | number | readonly string[];
  readonly checked?: boolean;
  readonly readOnly?: boolean;
  readonly "aria-invalid"?: true;
  onChange(event: ChangeEvent<Edited>): void;
  onFocus(): void;
  onBlur(): void;
  onCompositionStart(): void;
  onCompositionEnd(): void;
}

export function inputProps<V>(
  field: Field<V>,
  { value, derived, touched, errors }: FieldState<V>,
  { input, lock = false }: { readonly input?: InputKind | undefined; readonly lock?: boolean } = {},
): InputProps {
  const isBox = input === "checkbox" || typeof value === "boolean";
  return {
    name: field.name,
    ...(isBox ? { checked: (value as unknown) === true } : { value: inputText(input === "list" ? (value ?? []) : value) }),
    ...(derived && { readOnly: true }),
    ...(touched && errors.length > 0 && { "aria-invalid": true as const }),
    onChange: ({ target }) => field.set(inputValue(target, value) as V),
    onFocus() {
      field.focus();
      // Nobody waits for the answer: `lockedBy` tells the others.
      if (lock) void field.lock();
    },
    onBlur: () => field.blur(),
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

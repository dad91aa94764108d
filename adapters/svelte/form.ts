/**
 * `sente-sync/svelte/form`: `form` and `field`.
 *
 *   const f = form(signup({ draft }));            // f.current.submitting, f.submit()
 *   const email = field(signup({ draft }), "email");
 *   <input {...email.inputProps} /> {email.current.touched && email.current.error}
 *
 * Always: a keystroke in one field runs the effects of that field; what is typed stays where the caret is, whatever arrives meanwhile.
 * Rules: docs/protocol/form.md FIELD1-FIELD8, TEXT3.
 */
import type { Ref } from "sente-sync";
import {
  type ClientForm,
  type Field,
  type FieldName,
  type FieldState,
  type FieldValue,
  type FormShape,
  type FormState,
  form as formOf,
  type InputElement,
  inputText,
  inputValue,
  type TextElement,
} from "sente-sync/form";
import { onDestroy } from "svelte";
import { type AnyClient, withClient } from "./client.ts";
import { createLive, following, type Live, type OrGetter } from "./live.ts";

type FormRef<In, Answer> = OrGetter<Ref<"form", FormShape<In, unknown, Answer>>>;

/** A form's state as a live value, with what can be done to it. */
export interface LiveForm<In, Answer> extends Live<FormState<Answer>> {
  /** The form that the ref names now. */
  readonly handle: ClientForm<In, Answer>;
  submit(): ReturnType<ClientForm<In, Answer>["submit"]>;
  reset(): void;
  /** For `<form {...formProps}>`: submitting the element submits the form. */
  readonly formProps: { readonly novalidate: true; readonly onsubmit: (event: Event) => void };
}

export function form<In, Answer>(client: AnyClient, ref: FormRef<In, Answer>): LiveForm<In, Answer>;
export function form<In, Answer>(ref: FormRef<In, Answer>): LiveForm<In, Answer>;
export function form<In, Answer>(...args: unknown[]): LiveForm<In, Answer> {
  const [client, ref] = withClient<[FormRef<In, Answer>]>(args);
  const handle = following(ref, (now) => formOf(client, now));
  const live = createLive(ref, () => handle().state);
  const submit = (): ReturnType<ClientForm<In, Answer>["submit"]> => handle().submit();
  const onsubmit = (event: Event): void => {
    event.preventDefault();
    void submit();
  };
  return Object.defineProperties(live, {
    handle: { get: handle },
    submit: { value: submit },
    reset: { value: () => handle().reset() },
    formProps: { value: { novalidate: true, onsubmit } },
  }) as LiveForm<In, Answer>;
}

export type InputKind = "text" | "number" | "checkbox" | "list";

export interface FieldOptions {
  /** What it is edited with, where its value does not tell: `checkbox` for what may be undefined. */
  readonly input?: InputKind;
  /** While it has the focus the others are asked to leave it alone. */
  readonly lock?: boolean;
}

/** For `<input>`, `<textarea>` and `<select>`. */
export interface InputProps {
  readonly name: string;
  readonly value?: string | number | string[];
  readonly checked?: boolean;
  readonly readonly?: boolean;
  readonly "aria-invalid"?: true;
  oninput?(event: Event): void;
  onfocus(): void;
  onblur(): void;
  oncompositionstart?(): void;
  oncompositionend?(): void;
}

/** A field's state as a live value, with what can be done to it. */
export interface LiveField<V>
  extends Live<FieldState<V>>,
    Pick<Field<V>, "merges" | "set" | "focus" | "blur" | "lock" | "unlock" | "compose"> {
  /** Spread it: `<input {...email.inputProps} />`. Reactive. */
  readonly inputProps: InputProps;
  /** An action, for a field that merges: `<textarea {...bio.inputProps} use:bio.bind>`. */
  bind(element: TextElement): { destroy(): void };
}

export function field<In, Answer, const N extends FieldName<In>>(
  client: AnyClient,
  ref: FormRef<In, Answer>,
  name: N,
  options?: FieldOptions,
): LiveField<FieldValue<In, N>>;
export function field<In, Answer, const N extends FieldName<In>>(
  ref: FormRef<In, Answer>,
  name: N,
  options?: FieldOptions,
): LiveField<FieldValue<In, N>>;
export function field<In, V>(...args: unknown[]): LiveField<V> {
  type AnyForm = { field(name: string): Field<V> };
  const [client, ref, name, { input, lock = false } = {}] = withClient<[FormRef<In, unknown>, string, FieldOptions?]>(args);
  const present = following(ref, (now) => (formOf(client, now) as unknown as AnyForm).field(name));
  const live = createLive(ref, () => present());
  // An element that is taken out loses the focus without a word. A client from the context says that this is a component's script.
  if (args[0] !== client) onDestroy(() => present().blur());
  const typing = {
    oninput: ({ target }: Event): void => present().set(inputValue(target as unknown as InputElement, present().value) as V),
    oncompositionstart: (): void => present().compose(true),
    oncompositionend: (): void => present().compose(false),
  };
  const handlers = {
    onfocus(): void {
      present().focus();
      // Nobody waits for the answer: `lockedBy` tells the others.
      if (lock) void present().lock();
    },
    onblur: (): void => present().blur(),
  };
  const inputProps = (): InputProps => {
    const { value, derived, loading, touched, errors } = live.current;
    const shared = {
      name,
      ...((derived || loading) && { readonly: true }),
      ...(touched && errors.length > 0 && { "aria-invalid": true as const }),
      ...handlers,
    };
    if (present().merges) return shared;
    const isBox = input === "checkbox" || typeof value === "boolean";
    const shown = isBox
      ? { checked: (value as unknown) === true }
      : { value: inputText(input === "list" ? (value ?? []) : value) };
    return { ...shared, ...shown, ...typing };
  };
  const bind = (element: TextElement): { destroy(): void } => {
    let bound: Field<V> | undefined;
    let stop = (): void => {};
    const end = live.subscribe(() => {
      const now = present();
      if (now === bound) return;
      stop();
      bound = now;
      stop = now.bind(element);
    });
    return {
      destroy() {
        end();
        stop();
      },
    };
  };
  return Object.defineProperties(live, {
    inputProps: { get: inputProps },
    merges: { get: () => present().merges },
    bind: { value: bind },
    set: { value: (value: V | undefined) => present().set(value) },
    focus: { value: () => present().focus() },
    blur: { value: () => present().blur() },
    compose: { value: (on: boolean) => present().compose(on) },
    lock: { value: () => present().lock() },
    unlock: { value: () => present().unlock() },
  }) as LiveField<V>;
}

"use client";
/**
 * `sente-sync/react/form`: `useForm` and `useField`.
 *
 *   const { submit, submitting, errors } = useForm(signup({ draft }));
 *   const email = useField(signup({ draft }), "email");
 *   <input {...email.inputProps} /> {email.touched && email.error}
 *
 * Always: a keystroke in one field renders the components of that field; `useForm` renders for those of its properties that the last
 * render read; what is typed stays where the caret is, whatever arrives meanwhile.
 * Rules: docs/protocol/form.md FIELD1-FIELD8, TEXT3.
 */
import { useEffect, useMemo, useRef, useSyncExternalStore } from "react";
import type { Ref } from "sente-sync";
import {
  type ClientForm,
  type Field,
  type FieldName,
  type FieldState,
  type FieldValue,
  type FormOptions,
  type FormShape,
  type FormState,
  form,
} from "sente-sync/form";
import { useClient } from "./provider.ts";

export type { FormProps, InputKind, InputProps } from "./input.ts";

import { type FormProps, formProps, type InputKind, type InputProps, inputProps, textRef } from "./input.ts";

type Refs<In, Answer> = Ref<"form", FormShape<In, unknown, Answer>>;

function useHandle<In, Answer>(ref: Refs<In, Answer>, options?: FormOptions): ClientForm<In, Answer> {
  const client = useClient();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the topic stands for the ref, and options are those of the first render
  return useMemo(() => form(client, ref, options), [client, ref.topic]);
}

/** A form's state with what can be done to it. */
export interface UsedForm<In, Answer> extends FormState<Answer>, Pick<ClientForm<In, Answer>, "submit" | "reset" | "field"> {
  /** The handle: its values are read without rendering for them. */
  readonly form: ClientForm<In, Answer>;
  /** For `<form {...formProps}>`: submitting the element submits the form. */
  readonly formProps: FormProps;
}

export function useForm<In, Answer>(ref: Refs<In, Answer>, options?: FormOptions): UsedForm<In, Answer> {
  const handle = useHandle(ref, options);
  const [used, listen, get] = useMemo(() => {
    const read = new Set<keyof FormState>();
    const { state } = handle;
    let shown = state.get();
    const next = (): FormState<Answer> => {
      const now = state.get();
      if ([...read].some((key) => !Object.is(now[key], shown[key]))) shown = now;
      return shown;
    };
    /** Notes what a render reads of it. */
    const watched = (): UsedForm<In, Answer> => {
      const { submit, reset, field } = handle;
      const target = { form: handle, submit, reset, field, formProps: formProps(handle) };
      for (const key of Object.keys(state.get()) as (keyof FormState)[]) {
        const get = (): unknown => {
          read.add(key);
          return state.get()[key];
        };
        Object.defineProperty(target, key, { get, enumerable: true });
      }
      return target as UsedForm<In, Answer>;
    };
    return [watched, state.listen, next] as const;
  }, [handle]);
  const state = useSyncExternalStore(listen, get, get);
  // Another object for another state: what is memoized by it is made anew.
  // biome-ignore lint/correctness/useExhaustiveDependencies: it reads the state when it is read
  return useMemo(() => used(), [used, state]);
}

export interface UseFieldOptions {
  /** What it is edited with, where its value does not tell: `checkbox` for what may be undefined. */
  readonly input?: InputKind;
  /** While it has the focus the others are asked to leave it alone. */
  readonly lock?: boolean;
}

/** A field's state, what can be done to it, and what makes an `<input>`, `<textarea>` or `<select>` of it. */
export type UsedField<V> = FieldState<V> &
  Pick<Field<V>, "name" | "merges" | "set" | "focus" | "blur" | "lock" | "unlock" | "compose"> & {
    readonly inputProps: InputProps;
  };

export function useField<In, Answer, const N extends FieldName<In>>(
  ref: Refs<In, Answer>,
  name: N,
  options: UseFieldOptions = {},
): UsedField<FieldValue<In, N>> {
  type V = FieldValue<In, N>;
  const handle = useHandle(ref);
  const { input, lock = false } = options;
  const field = useMemo(() => handle.field(name) as Field<V>, [handle, name]);
  const element = useMemo(() => textRef(field), [field]);
  const state = useSyncExternalStore(field.listen, field.get, field.get);
  const mounted = useRef(false);
  useEffect(() => {
    mounted.current = true;
    return () => {
      mounted.current = false;
      // An element that is taken out loses the focus without a word. StrictMode takes nothing out.
      queueMicrotask(() => mounted.current || field.blur());
    };
  }, [field]);
  return useMemo(() => {
    const { set, focus, blur, compose, lock: ask, unlock } = field;
    return {
      ...state,
      name,
      merges: field.merges,
      set,
      focus,
      blur,
      compose,
      lock: ask,
      unlock,
      inputProps: inputProps(field, state, { input, lock }, element),
    };
  }, [field, state, name, input, lock, element]);
}

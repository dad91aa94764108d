/**
 * `sente-sync/form`: `form(client, ref)`, a form that several people fill in together.
 *
 *   const f = form(client, signup({ draft }));
 *   const email = f.field("email");            // a store: value, error, touched, editedBy, conflict, …
 *   email.focus(); email.set("a@b.c"); email.blur();
 *   const result = await f.submit();           // { ok: true, answer } or { ok: false, errors, error }
 *
 * Always: two handles of one form share everything but what they listen to; a field tells its listeners when something of it changed,
 * and not for what happens in other fields.
 * Rules: docs/protocol/form.md FORM1-FORM8, FIELD1-FIELD9, SUBMIT1-SUBMIT8.
 */
import type { Ref } from "../core/definitions.ts";
import type { SyncError } from "../core/errors.ts";
import type { Draft, FieldName, FieldValue, FormShape } from "../core/form.ts";
import type { ValueAt } from "../core/paths.ts";
import type { Readable, Unsubscribe } from "../core/store.ts";
import { keysOf, nameOf } from "../kind/form-path.ts";
import type { Keys } from "../kind/registers.ts";
import type { Client } from "./client.ts";
import {
  createField,
  type Field,
  type FormState,
  formKeys,
  formState,
  readable,
  type Use,
  withProperties,
} from "./form-state.ts";
import { isSubmitted, type SubmitResult, submitterOf } from "./form-submit.ts";
import { formTopic } from "./form-topic.ts";
import type { TopicStatus } from "./held.ts";

export type { Draft, FieldName, FieldValue, FormShape } from "../core/form.ts";
export type { Editor, FormErrors } from "../kind/form.ts";
export { type InputElement, inputText, inputValue } from "./form-input.ts";
export type { Field, FieldConflict, FieldState, FormState } from "./form-state.ts";
export type { SubmitResult } from "./form-submit.ts";
export type { TextElement } from "./form-text.ts";

export interface FormOptions {
  /** How long a keystroke may wait before the others see it. Default 150. It holds for all handles of the form. */
  readonly debounceMs?: number;
  /** How long a submit waits for an answer; the line may break and come back meanwhile. Default 60 000. */
  readonly submitTimeoutMs?: number;
}

export interface ClientForm<In, Answer = unknown> extends FormState<Answer> {
  readonly topic: string;
  /** What the form shows; undefined until something is here. */
  get(): Draft<In> | undefined;
  /** Calls at once and on every change. */
  subscribe(run: (value: Draft<In> | undefined) => void): Unsubscribe;
  /** Calls on changes only. */
  listen(run: (value: Draft<In> | undefined) => void): Unsubscribe;
  /** Resolves with the server's values; rejects with a SyncError where they are refused. */
  readonly ready: Promise<Draft<In>>;
  readonly status: Readable<TopicStatus>;
  readonly error: SyncError | undefined;
  /** All that is not in a field, as a store. Its properties are the form's own, too. */
  readonly state: Readable<FormState<Answer>>;
  /** The field of that name: `"email"`, `"address.city"`, or its keys: `["address", "city"]`. */
  field<const N extends FieldName<In>>(name: N): Field<FieldValue<In, N>>;
  field<const P extends readonly [string, ...string[]]>(path: P): Field<ValueAt<In, P>>;
  /**
   * Stores what was typed, and has the server check and take the form. A second call while one is under way is the same one; one that
   * finds the form `submitted` gets the same answer. Never rejects.
   */
  submit(): Promise<SubmitResult<Answer>>;
  /** Back to `initial`, for everybody; what was submitted may be submitted again. */
  reset(): void;
  /** Stays subscribed without a listener, until called back or closed. */
  keep(): Unsubscribe;
  /** Writes what is due and ends what this handle listens to. Safe twice. */
  close(): void;
  [Symbol.dispose](): void;
}

/** A handle of the form that the ref names; any number of them share what is typed. */
export function form<In, Out, Answer>(
  client: object,
  ref: Ref<"form", FormShape<In, Out, Answer>>,
  options: FormOptions = {},
): ClientForm<In, Answer> {
  const topic = formTopic(client as Client, ref);
  const { submitTimeoutMs = 60_000 } = options;
  if (options.debounceMs !== undefined) topic.debounceMs = options.debounceMs;
  const submitter = submitterOf(topic);
  const open = new Set<Unsubscribe>();
  const until: Use = (...ends) => {
    const end = (): void => {
      if (open.delete(end)) for (const each of ends) each();
    };
    open.add(end);
    return end;
  };
  const fields = new Map<string, Field<unknown>>();
  const get = (): Draft<In> | undefined => {
    const { tree, whole } = topic.view();
    return tree || whole !== topic.initial ? (whole as Draft<In>) : undefined;
  };
  const listen = (run: (value: Draft<In> | undefined) => void): Unsubscribe => {
    let last = get();
    return until(
      topic.listen(() => {
        const next = get();
        if (Object.is(next, last)) return;
        last = next;
        run(next);
      }),
    );
  };
  const state = readable<FormState<Answer>>(topic, until, (view) =>
    formState(topic, view, submitter.isRunning, isSubmitted(topic)),
  );

  const handle = {
    topic: topic.tree.topic,
    get,
    listen,
    subscribe(run: (value: Draft<In> | undefined) => void) {
      run(get());
      return listen(run);
    },
    get ready() {
      const stop = until(topic.listen(() => {}));
      return topic.tree.ready.then(() => get() as Draft<In>).finally(stop);
    },
    status: topic.tree.status,
    get error() {
      return topic.tree.error;
    },
    state,
    field(path: string | Keys) {
      const keys = keysOf(path);
      const name = nameOf(keys);
      const field = fields.get(name) ?? createField(topic, name, keys, until);
      fields.set(name, field);
      return field;
    },
    submit: () => submitter.submit(submitTimeoutMs),
    reset: topic.reset,
    keep: () => until(topic.listen(() => {})),
    close() {
      void topic.flush();
      for (const end of open) end();
    },
    [Symbol.dispose]: () => handle.close(),
  };
  return withProperties(handle, state, formKeys) as unknown as ClientForm<In, Answer>;
}

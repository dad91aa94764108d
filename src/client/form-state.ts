/**
 * A form and its fields as stores: what they show at one moment, and who is told when that changes.
 *
 * Always: what is equal stays the same object, so that who listens to one field hears nothing of the others.
 * Rules: docs/protocol/form.md FIELD1-FIELD8.
 */
import { SyncError } from "../core/errors.ts";
import type { Readable, Unsubscribe } from "../core/store.ts";
import { isBelow } from "../kind/changes.ts";
import type { Editor, FormErrors } from "../kind/form.ts";
import { errorsAt, isAwaited } from "../kind/form-errors.ts";
import { keysOf, overlaps, valueIn, withValue } from "../kind/form-path.ts";
import type { Keys } from "../kind/registers.ts";
import { isSame } from "../kind/same.ts";
import type { FormTopic, FormView } from "./form-parts.ts";
import type { TextElement } from "./form-text.ts";

/** Two people wrote one field, and this client's person has not decided yet. */
export interface FieldConflict<V> {
  /** What everybody else sees. */
  readonly theirs: V | undefined;
  /** What was typed here. */
  readonly mine: V | undefined;
  takeTheirs(): void;
  keepMine(): void;
}

/** A field at one moment. */
export interface FieldState<V> {
  readonly value: V | undefined;
  /** The first of `errors`. */
  readonly error: string | undefined;
  /** Of the field and of what is in it: the schema's, the validators', those of a submit. Show them once it is `touched`. */
  readonly errors: readonly string[];
  /** The server has not said yet what it thinks of this value. */
  readonly validating: boolean;
  /** It had the focus and lost it, or a submit was tried. */
  readonly touched: boolean;
  /** Another value than the form's `initial`. */
  readonly dirty: boolean;
  /** The server writes it: `set` throws. */
  readonly derived: boolean;
  /** It `merges`, and is not here yet: `set` throws. */
  readonly loading: boolean;
  /** Others who have it, or something in it, open. */
  readonly editedBy: readonly Editor[];
  /** Who asks others to leave it alone. Show it as disabled; nothing is refused. */
  readonly lockedBy: Editor | undefined;
  readonly conflict: FieldConflict<V> | undefined;
}

/** A field: a store of its state, which its own properties have, too. */
export interface Field<V> extends FieldState<V>, Readable<FieldState<V>> {
  /** Its keys with dots between them. */
  readonly name: string;
  /** A text that merges letter by letter, by the definition's `text: true`: elements show and edit it by `bind`. It has no conflicts. */
  readonly merges: boolean;
  /** What is typed. Shown at once, shared within `debounceMs`. Undefined empties it. Throws SyncError `forbidden` where it is `derived`. */
  set(value: V | undefined): void;
  /** It has the focus: others see who edits it, and nobody's value takes the place of this one. */
  focus(): void;
  /** Writes what was typed, and gives up its lock. */
  blur(): void;
  /** A composition (IME) begins or ends: meanwhile nothing is shared. */
  compose(on: boolean): void;
  /**
   * Of a field that `merges`: the `<textarea>` or text `<input>` shows and edits it until called back, whatever others type there. Who has
   * the focus is for `focus` and `blur` to say. Throws SyncError `unsupported` for other fields.
   */
  bind(element: TextElement): Unsubscribe;
  /** Asks others to leave it alone, until `unlock`, `blur`, the end of the line, or `lockMs` without a keystroke. False: somebody else has it, or nobody answers. */
  lock(): Promise<boolean>;
  unlock(): void;
}

/** A form at one moment. */
export interface FormState<Answer = unknown> {
  /** No field has an error, and none is `validating`. */
  readonly valid: boolean;
  readonly validating: boolean;
  /** Something else than `initial` stands there; what is derived does not count. */
  readonly dirty: boolean;
  /** Somebody submits it: this client or another. */
  readonly submitting: boolean;
  /** What stands here was accepted. A change ends that. */
  readonly submitted: boolean;
  /** What `onSubmit` returned, where it is `submitted`. */
  readonly answer: Answer | undefined;
  /** By the field's name; what is under "" is of the form as a whole. */
  readonly errors: FormErrors;
  /** Names of the fields with an undecided conflict. */
  readonly conflicts: readonly string[];
  /** Everybody else in it, by what they edit. */
  readonly editors: readonly Editor[];
}

/** Keeps track of what a handle listens to: called back, or when the handle closes, all of it ends. */
export type Use = (...ends: Unsubscribe[]) => Unsubscribe;

export const formKeys: readonly (keyof FormState)[] = [
  "valid",
  "validating",
  "dirty",
  "submitting",
  "submitted",
  "answer",
  "errors",
  "conflicts",
  "editors",
];

const fieldKeys = [
  "value",
  "error",
  "errors",
  "validating",
  "touched",
  "dirty",
  "derived",
  "loading",
  "editedBy",
  "lockedBy",
  "conflict",
] as const satisfies readonly (keyof FieldState<unknown>)[];

/** Gives `target` the properties that the store's state has. */
export function withProperties<T extends object, S extends object>(
  target: T,
  { get }: { get(): S },
  keys: readonly (keyof S & string)[],
): T & S {
  for (const key of keys) Object.defineProperty(target, key, { get: () => get()[key], enumerable: true });
  return target as T & S;
}

/** A store of what `make` makes of the form; what is equal stays the same object. */
export function readable<S extends object>(
  topic: FormTopic,
  until: Use,
  make: (view: FormView, last: S | undefined) => S,
): Readable<S> {
  let seen: FormView | undefined;
  let state: S | undefined;
  const get = (): S => {
    const view = topic.view();
    if (state && view === seen) return state;
    seen = view;
    const next = make(view, state);
    if (!state || Object.keys(next).some((key) => !isSame(state?.[key as keyof S], next[key as keyof S]))) state = next;
    return state;
  };
  const listen = (run: (state: S) => void): Unsubscribe => {
    let last = get();
    return until(
      topic.listen(() => {
        const next = get();
        if (next === last) return;
        last = next;
        run(next);
      }),
    );
  };
  return {
    get,
    listen,
    subscribe(run) {
      run(get());
      return listen(run);
    },
  };
}

export function formState<Answer>(topic: FormTopic, view: FormView, isRunning: boolean, submitted: boolean): FormState<Answer> {
  const { live, errors, whole, tree } = view;
  const validating = live !== undefined && Object.keys(live.checked).some((field) => isAwaited(live, whole, field));
  return {
    valid: !validating && Object.keys(errors).length === 0,
    validating,
    dirty: !isSame(withoutFields(whole, live?.derived), withoutFields(topic.initial, live?.derived)),
    submitting: isRunning || live?.isSubmitting === true,
    submitted,
    answer: submitted ? (tree?.submitted?.answer as Answer) : undefined,
    errors,
    conflicts: topic.conflicts(),
    editors: editorsOf(topic, view),
  };
}

/** Without what people do not type. */
function withoutFields(value: unknown, names: readonly string[] = []): unknown {
  return names.reduce((kept, name) => withValue(kept, keysOf(name), undefined), value);
}

function editorsOf({ self }: FormTopic, { live }: FormView): readonly Editor[] {
  return Object.values(live?.editors ?? {}).filter(({ id }) => id !== self);
}

export function createField(topic: FormTopic, name: string, keys: Keys, until: Use): Field<unknown> {
  const conflictOf = (last: FieldConflict<unknown> | undefined): FieldConflict<unknown> | undefined => {
    const { mine, seen } = topic.slot(name)?.state ?? {};
    if (!mine) return undefined;
    if (last && isSame(last.theirs, seen) && isSame(last.mine, mine.value)) return last;
    return {
      theirs: seen,
      mine: mine.value,
      takeTheirs: () => topic.step(name, { what: "take" }),
      keepMine: () => topic.step(name, { what: "keep" }),
    };
  };
  const state = readable<FieldState<unknown>>(topic, until, (view, last) => {
    const { live, whole } = view;
    const value = valueIn(whole, keys);
    const errors = errorsAt(view.errors, name);
    const others = editorsOf(topic, view);
    return {
      value,
      error: errors[0],
      errors,
      validating: live !== undefined && isAwaited(live, whole, name),
      touched: topic.isTried || topic.slot(name)?.state.touched === true,
      dirty: !isSame(value, valueIn(topic.initial, keys)),
      derived: live?.derived.includes(name) === true,
      loading: topic.isLoading(name),
      editedBy: others.filter(({ field }) => isBelow(keysOf(field), keys)),
      lockedBy: others.find(({ field, locked }) => locked && overlaps(keysOf(field), keys)),
      conflict: conflictOf(last?.conflict),
    };
  });
  return withProperties(
    {
      name,
      merges: topic.merges(name),
      ...state,
      set(value: unknown) {
        if (state.get().derived) throw new SyncError("forbidden", `The server writes "${name}".`);
        topic.step(name, { what: "type", value });
      },
      focus() {
        topic.step(name, { what: "focus" });
        topic.edits.edit(name);
      },
      blur() {
        topic.step(name, { what: "blur" });
        topic.edits.leave(name);
      },
      compose: (on: boolean) => topic.step(name, { what: "compose", on }),
      bind: (element: TextElement) => topic.bind(name, element),
      lock: () => topic.edits.lock(name),
      unlock: () => topic.edits.unlock(name),
    },
    state,
    fieldKeys,
  );
}

/**
 * One form as a client holds it: the tree that everybody writes, what the server keeps beside it, and over both what is typed here.
 *
 * A keystroke is shown at once and written after `debounceMs`, alone. A private value never leaves this object but with a submit.
 * Always: one per client and form, whatever handles there are; a field that has the focus shows what its own person typed.
 * A text that merges letter by letter is not in a slot's state: it is in its document, and shown from there.
 * Rules: docs/protocol/form.md FORM1-FORM8, FIELD1-FIELD9, SUBMIT1-SUBMIT8, TEXT1-TEXT9.
 */

import { isSyncError, SyncError } from "../core/errors.ts";
import type { FormDefinition } from "../core/form.ts";
import type { Schema } from "../core/schema.ts";
import { addTo, callAll, type Unsubscribe } from "../core/store.ts";
import { isBelow } from "../kind/changes.ts";
import { type FormErrors, type FormLive, type FormTree, liveTopic } from "../kind/form.ts";
import { issuesOf, joinErrors, noErrors, verdictErrors } from "../kind/form-errors.ts";
import { isDue, isIdle, newField, stepField } from "../kind/form-field.ts";
import { keysOf, overlaps, valueIn, withValue } from "../kind/form-path.ts";
import { textFields, textOfValue, valueOfText } from "../kind/form-text.ts";
import { isSame, keepSame } from "../kind/same.ts";
import { atom, type ClientAtom } from "./atom.ts";
import { type Client, coreOf, type KindCore } from "./client.ts";
import { createEdits } from "./form-edits.ts";
import type { FormTopic, FormView, Slot } from "./form-parts.ts";
import { textsOf } from "./form-text.ts";
import type { Receipt } from "./receipt.ts";
import { shared } from "./shared.ts";

const forms = new WeakMap<KindCore, Map<string, FormTopic>>();

type FormRefLike = {
  readonly topic: string;
  readonly pattern: string;
  readonly params: { readonly [name: string]: string };
  readonly options: object;
};

/** The one of that name. */
export function formTopic(client: Client, ref: FormRefLike): FormTopic {
  const core = coreOf(client);
  const known = forms.get(core) ?? new Map<string, FormTopic>();
  forms.set(core, known);
  const form = known.get(ref.topic) ?? createFormTopic(client, core, ref);
  known.set(ref.topic, form);
  return form;
}

const page = globalThis as Partial<Pick<Window, "addEventListener" | "removeEventListener" | "document">>;

function createFormTopic(client: Client, core: KindCore, ref: FormRefLike): FormTopic {
  const { env } = core;
  const { topic } = ref;
  const definition = ref.options as FormDefinition<Schema, unknown>;
  const initial: unknown = definition.initial ?? {};
  const privates = ((definition.private ?? []) as readonly string[]).map(keysOf);
  const textual = textFields(definition);
  const merges = (name: string): boolean => textual.some((field) => field.name === name);
  const tree = shared<FormTree>(client, { ...ref, kind: "shared", options: { initial: { value: initial } } });
  const live: ClientAtom<FormLive> = atom<FormLive>(client, liveTopic(topic));
  const slots = new Map<string, Slot>();
  const listeners = new Set<() => void>();
  const writing = new Set<Promise<void>>();
  /** Counts what changes here. */
  let version = 0;
  let isTried = false;
  let hasNewPrivate = false;
  /** By field: what the server refused, and the value that it was of. */
  let refusals = new Map<string, { readonly messages: readonly string[]; readonly of: unknown }>();
  let users = 0;
  let release: Unsubscribe | undefined;
  let made: { readonly view: FormView; readonly of: readonly unknown[] } | undefined;
  let checked: { readonly whole: unknown; readonly errors: FormErrors } | undefined;

  const treeValue = (): unknown => (tree.get() ?? { value: initial }).value;

  /** What the schema says of the whole form; where it takes time, nothing: the server says it. */
  const check = (whole: unknown): FormErrors => {
    if (checked && Object.is(checked.whole, whole)) return checked.errors;
    const result = definition.schema["~standard"].validate(whole);
    if (result instanceof Promise) result.catch(() => {});
    checked = { whole, errors: result instanceof Promise ? {} : issuesOf(result) };
    return checked.errors;
  };

  const view = (): FormView => {
    const of = [tree.get(), live.get(), version];
    if (made?.of.every((each, index) => Object.is(each, of[index]))) return made.view;
    const kept = live.get();
    let open = treeValue();
    for (const field of textual) {
      const text = texts?.get(field.name);
      if (text !== undefined) open = withValue(open, field.keys, valueOfText(text, field));
    }
    let whole = open;
    // A parent's text lies beneath its children's.
    const ordered = [...slots.values()].sort((a, b) => a.keys.length - b.keys.length);
    for (const { keys, state, isPrivate, isText } of ordered) {
      if (!state.own || isText) continue;
      whole = withValue(whole, keys, state.own.value);
      if (!isPrivate) open = withValue(open, keys, state.own.value);
    }
    whole = made ? keepSame(made.view.whole, whole) : whole;
    const errors = joinErrors([
      check(whole),
      kept?.rules ?? noErrors,
      kept ? verdictErrors(kept, whole) : noErrors,
      ownErrors(whole),
    ]);
    made = { of, view: { whole, shared: open, errors, live: kept, tree: tree.get() } };
    return made.view;
  };

  const ownErrors = (whole: unknown): FormErrors => {
    const errors: Record<string, readonly string[]> = {};
    for (const [name, { messages, of }] of refusals) {
      if (isSame(of, name ? valueIn(whole, keysOf(name)) : whole)) errors[name] = messages;
    }
    for (const { name, rejected } of slots.values()) if (rejected) errors[name] = [...(errors[name] ?? []), rejected];
    return errors;
  };

  const changed = (): void => {
    version++;
    core.attempt(() => callAll(listeners), topic);
  };

  const slotOf = (name: string): Slot => {
    const known = slots.get(name);
    if (known) return known;
    const keys = keysOf(name);
    const isPrivate = privates.some((own) => isBelow(keys, own));
    if (!isPrivate && privates.some((own) => overlaps(keys, own)))
      throw new SyncError("invalid", `"${name}" has private fields in it: edit its fields one by one.`);
    const isText = merges(name);
    if (!isText && textual.some((field) => overlaps(keys, field.keys)))
      throw new SyncError("invalid", `"${name}" has texts in it that merge: edit its fields one by one.`);
    const state = newField(isPrivate ? undefined : valueIn(treeValue(), keys));
    const slot: Slot = { name, keys, isPrivate, isText, state, timer: undefined, rejected: undefined };
    slots.set(name, slot);
    return slot;
  };

  const write = (slot: Slot): void => {
    if (!isDue(slot.state) || slot.isPrivate) return;
    if (slot.timer !== undefined) env.clearTimer(slot.timer);
    slot.timer = undefined;
    const value = slot.state.own?.value;
    slot.rejected = undefined;
    slot.state = stepField(slot.state, { what: "written" });
    const path = ["value", ...slot.keys];
    const how = { group: slot.name };
    follow(slot.name, value === undefined ? tree.delete(path, how) : tree.set(path as never, value as never, how));
  };

  /** What becomes of a write of that field. */
  const follow = (name: string, receipt: Receipt): void => {
    const settled = receipt.stored.then(
      () => {},
      (error: unknown) => {
        // The client is gone, or what was typed is there on the next page.
        if (isSyncError(error, "closed")) return;
        // It may have been let go of meanwhile.
        slotOf(name).rejected = (error as Error).message;
        changed();
      },
    );
    writing.add(settled);
    void settled.then(() => writing.delete(settled));
  };

  const writeSoon = (slot: Slot): void => {
    if (!isDue(slot.state) || slot.isPrivate) return;
    if (form.debounceMs <= 0) return write(slot);
    slot.timer ??= env.setTimer(() => {
      slot.timer = undefined;
      write(slot);
      tidy(slot);
      changed();
    }, form.debounceMs);
  };

  const writeAll = (): void => {
    for (const slot of slots.values()) write(slot);
  };

  /** Lets go of what says nothing any more. */
  const tidy = (slot: Slot): void => {
    if (isIdle(slot.state) && !slot.rejected && slot.timer === undefined) slots.delete(slot.name);
  };

  /** The tree changed; `isOwn`: through this client. */
  const look = (isOwn: boolean): void => {
    const value = treeValue();
    for (const slot of [...slots.values()]) {
      if (slot.isPrivate || slot.isText) continue;
      slot.state = stepField(slot.state, { what: "tree", value: valueIn(value, slot.keys), isOwn });
      tidy(slot);
    }
    changed();
  };

  const edits = createEdits(client, core, topic, () => live.get()?.lockMs ?? 0);

  const hide = (): void => {
    writeAll();
    changed();
  };
  /** A page that is not seen may end without another word: on a phone most do. */
  const hideUnseen = (): void => {
    if (page.document?.visibilityState === "hidden") hide();
  };
  const use = (): Unsubscribe => {
    if (users++ === 0) {
      const ends = [
        tree.listen((_, { cause }) => look(cause === "local")),
        live.listen(changed),
        tree.status.listen(changed),
        live.status.listen(changed),
        ...(texts ? [texts.use()] : []),
      ];
      page.addEventListener?.("pagehide", hide);
      page.document?.addEventListener("visibilitychange", hideUnseen);
      release = () => {
        page.removeEventListener?.("pagehide", hide);
        page.document?.removeEventListener("visibilitychange", hideUnseen);
        for (const end of ends) end();
      };
    }
    return () => {
      if (--users === 0) release?.();
    };
  };

  /** Of the newest edit of a text. */
  let newest: Receipt | undefined;
  const texts = textsOf(core, {
    topic,
    fields: textual.map(({ name }) => name),
    changed,
    typed(name, receipt) {
      const slot = slotOf(name);
      slot.rejected = undefined;
      edits.typed(name);
      if (receipt !== newest) follow(name, receipt);
      newest = receipt;
      tidy(slot);
    },
    shown: (name) => textOfValue(valueIn(view().whole, keysOf(name))),
    listen: (run) => form.listen(run),
  });

  const form: FormTopic = {
    tree,
    client,
    core,
    initial,
    debounceMs: 150,
    view,
    edits,
    merges,
    isLoading: (name) => merges(name) && texts?.get(name) === undefined,
    bind(name, element) {
      if (texts && merges(name)) return texts.bind(name, element);
      throw new SyncError(
        "unsupported",
        `Field "${name}" does not merge letter by letter: its definition has no \`text: true\`.`,
      );
    },
    slot: (name) => slots.get(name),
    step(name, step) {
      const slot = slotOf(name);
      if (slot.isText && step.what === "type") return texts?.set(name, textOfValue(step.value));
      if (!users && !slot.isPrivate) {
        // Nobody told it of the tree meanwhile.
        const value = valueIn(treeValue(), slot.keys);
        slot.state = stepField(slot.state, { what: "tree", value, isOwn: true });
      }
      slot.state = stepField(slot.state, step);
      if (step.what === "type") {
        slot.rejected = undefined;
        if (slot.isPrivate) hasNewPrivate = true;
        edits.typed(name);
      }
      if (step.what === "blur" || step.what === "keep") write(slot);
      else writeSoon(slot);
      tidy(slot);
      changed();
    },
    get self() {
      return (core.facts.welcome as { readonly replica?: string } | undefined)?.replica ?? "";
    },
    get hasNewPrivate() {
      return hasNewPrivate;
    },
    set hasNewPrivate(now) {
      hasNewPrivate = now;
    },
    get privateValues() {
      let values: unknown = {};
      for (const { keys, state, isPrivate } of slots.values()) {
        if (isPrivate && state.own) values = withValue(values, keys, state.own.value);
      }
      return values;
    },
    conflicts: () => [...slots.values()].filter(({ state }) => state.mine).map(({ name }) => name),
    localErrors: () => check(view().whole),
    rejections() {
      const all = [...slots.values()].filter(({ rejected }) => rejected !== undefined);
      return Object.fromEntries(all.map(({ name, rejected }) => [name, [rejected as string]]));
    },
    refuse(errors) {
      const { whole } = view();
      refusals = new Map(
        Object.entries(errors).map(([name, messages]) => [name, { messages, of: name ? valueIn(whole, keysOf(name)) : whole }]),
      );
      changed();
    },
    get isTried() {
      return isTried;
    },
    touchAll() {
      isTried = true;
      changed();
    },
    async flush() {
      writeAll();
      changed();
      while (writing.size) await Promise.all(writing);
    },
    reset() {
      for (const [name, { timer, state }] of [...slots]) {
        if (timer !== undefined) env.clearTimer(timer);
        slots.delete(name);
        if (!state.focused) continue;
        const slot = slotOf(name);
        slot.state = stepField({ ...slot.state, seen: valueIn(initial, slot.keys) }, { what: "focus" });
      }
      refusals = new Map();
      isTried = hasNewPrivate = false;
      const servers = [...(live.get()?.derived ?? []).map(keysOf), ...textual.map(({ keys }) => keys)];
      const now = treeValue();
      const next = servers.reduce((value, keys) => withValue(value, keys, valueIn(now, keys)), initial);
      for (const field of textual) if (texts?.get(field.name) !== undefined) texts.set(field.name, field.initial ?? "");
      tree.update((draft) => {
        const open = draft as { value: unknown; submitted?: unknown };
        open.value = next;
        delete open.submitted;
      });
      changed();
    },
    listen(run) {
      const ends = [addTo(listeners, run), use()];
      let isOpen = true;
      return () => {
        if (!isOpen) return;
        isOpen = false;
        for (const end of ends) end();
      };
    },
    changed,
  };
  return form;
}

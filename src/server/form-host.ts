/**
 * The forms of one declaration: the topics they are made of, opened together, and what happens when somebody writes.
 *
 * Always: a form is open at most once; a change is derived from, then told to the application, then checked.
 * Rules: docs/protocol/form.md FORM1-FORM8.
 */
import { topicName } from "../core/definitions.ts";
import type { FormDefinition } from "../core/form.ts";
import type { User } from "../core/register.ts";
import type { Schema } from "../core/schema.ts";
import { type Editor, type FormErrors, type FormLive, type FormTree, liveTopic, type Verdict } from "../kind/form.ts";
import { noErrors } from "../kind/form-errors.ts";
import { keysOf, overlaps, valueIn, withValue } from "../kind/form-path.ts";
import { isSame } from "../kind/same.ts";
import { atom, type ServerAtom } from "./atom.ts";
import type { ServerCore } from "./core.ts";
import type { ParamValues } from "./family.ts";
import type { AnyOptions, AnyValue, FormTarget } from "./form.ts";
import { createChecks } from "./form-checks.ts";
import { createEditors, type Editors } from "./form-editors.ts";
import { createGuard, fieldsOf } from "./form-fields.ts";
import { createSubmits, type Submits } from "./form-submits.ts";
import type { Authorize } from "./grants.ts";
import { type ServerShared, type ServerSharedWrite, type SharedChange, type SharedWrite, shared } from "./shared.ts";

/** One form that is open. */
interface OpenForm {
  readonly tree: ServerShared<FormTree>;
  readonly editors: Editors;
  readonly submits: Submits;
  changed(change: Pick<SharedChange<FormTree>, "changes" | "from">): void;
  close(): void;
}

/** What the server keeps beside the tree, as it is changed. */
interface Open {
  verdicts: Record<string, Verdict>;
  rules: FormErrors;
  editors: Record<string, Editor>;
  isSubmitting: boolean;
}

/** The forms of one declaration. */
export interface FormHost {
  readonly authorize: Authorize | undefined;
  open(params: ParamValues): Promise<OpenForm>;
  /** Where the form has no params. */
  treeOf(params: ParamValues): ServerShared<FormTree> | undefined;
  list(prefix: string): string[];
  delete(params: ParamValues): void;
}

/** Undefined takes it out. */
export function setField(tree: ServerShared<FormTree>, field: string, value: unknown): ServerSharedWrite {
  const path = ["value", ...keysOf(field)];
  return value === undefined ? tree.delete(path) : tree.set(path as never, value as never);
}

export function createHost(core: ServerCore, server: object, target: FormTarget, options: AnyOptions): FormHost {
  const { schema, initial = {}, private: privateNames = [] } = target.options as FormDefinition<Schema, unknown>;
  const privates = privateNames as readonly string[];
  const { lockMs = 30_000, onChange, authorize } = options;
  const fields = fieldsOf(options, privates);
  const derivedKeys = fields.derived.map(({ keys }) => keys);
  const forms = new Map<string, OpenForm | Promise<OpenForm>>();
  /** By form and checked field: who wrote it. */
  const writers = new Map<string, Map<string, User>>();
  const isPattern = typeof target === "function";
  const nameFor = (params: ParamValues): string => topicName(target.pattern, params);

  /** The same topic, or one below it, as another kind. */
  const as = (kind: string, pattern: string, of: object): never => {
    const ref = (params: ParamValues): object => ({ kind, topic: topicName(pattern, params), pattern, params, options: of });
    return (isPattern ? Object.assign(ref, { kind, pattern, options: of }) : ref({})) as never;
  };

  const guardOne = createGuard(derivedKeys, privates.map(keysOf));
  const guard = ({ changes, user, params }: SharedWrite<FormTree>): void => {
    for (const change of changes) {
      guardOne(change);
      const keys = change.path.slice(1);
      for (const { name } of fields.checked) {
        if (!overlaps(keysOf(name), keys)) continue;
        const topic = nameFor(params);
        const of = writers.get(topic) ?? new Map<string, User>();
        writers.set(topic, of.set(name, user));
      }
    }
  };

  const openLater = (params: ParamValues): void => {
    // It is being made: it cannot be opened before that is over.
    void Promise.resolve().then(() => open(params).catch((error: unknown) => core.report(error, nameFor(params))));
  };

  const trees = shared<FormTree, never>(server, as("shared", target.pattern, { initial: { value: initial } }), {
    validate: guard,
    ...(authorize && { authorize }),
    ...(options.durability && { durability: options.durability }),
    ...(options.retention && { retention: options.retention }),
    onChange({ topic, params, changes, from }) {
      const known = forms.get(topic);
      if (known && !(known instanceof Promise)) known.changed({ changes, from });
      // Whoever opens it looks at all of it.
      else if (!known) openLater(params);
    },
  });
  const noLive: FormLive = {
    checked: Object.fromEntries(fields.checked.map(({ name, dependsOn }) => [name, dependsOn])),
    derived: fields.derived.map(({ name }) => name),
    lockMs,
    verdicts: {},
    rules: noErrors,
    editors: {},
    isSubmitting: false,
  };
  const lives = atom<FormLive, never>(server, as("atom", liveTopic(target.pattern), {}), {
    initial: (({ params }: { readonly params: ParamValues }) => {
      openLater(params);
      return noLive;
    }) as never,
    ...(authorize && { authorize: (request) => authorize({ ...request, kind: "shared", topic: nameFor(request.params) }) }),
  });

  const treeOf = (params: ParamValues): ServerShared<FormTree> | Promise<ServerShared<FormTree>> =>
    isPattern ? trees.open(params as never) : (trees as unknown as ServerShared<FormTree>);
  const liveOf = (params: ParamValues): ServerAtom<FormLive> | Promise<ServerAtom<FormLive>> =>
    isPattern ? lives.open(params as never) : (lives as unknown as ServerAtom<FormLive>);

  const open = (params: ParamValues): Promise<OpenForm> => {
    const name = nameFor(params);
    const known = forms.get(name) ?? openForm(name, params);
    forms.set(name, known);
    if (known instanceof Promise) {
      known.then(
        (ready) => forms.get(name) === known && forms.set(name, ready),
        () => forms.delete(name),
      );
    }
    return Promise.resolve(known);
  };

  const openForm = async (name: string, params: ParamValues): Promise<OpenForm> => {
    const tree = await treeOf(params);
    await tree.ready;
    const live = await liveOf(params);
    const report = (error: unknown): void => core.report(error, name);
    const tell = (recipe: (draft: Open) => void): void => live.update((draft) => recipe(draft));
    const checks = createChecks({
      schema,
      fields: fields.checked,
      privates,
      rules: options.validate,
      params,
      onVerdict: (field, verdict) =>
        tell(({ verdicts }) => {
          verdicts[field] = verdict;
        }),
      onRules(rules) {
        if (!isSame(rules, live.get().rules)) tell((draft) => void (draft.rules = rules));
      },
      report,
    });
    const editors = createEditors(core.env, lockMs, (id, editor) =>
      tell(({ editors }) => {
        if (editor) editors[id] = editor;
        else delete editors[id];
      }),
    );
    const submits = createSubmits({
      env: core.env,
      tree,
      checks,
      privates,
      params,
      onSubmit: options.onSubmit,
      pack: core.topics.pack,
      onRunning: (isSubmitting) => tell((draft) => void (draft.isSubmitting = isSubmitting)),
      report,
    });
    const { topic } = core.topics.opened(liveTopic(name)) ?? {};
    if (topic) topic.readersChanged = () => core.env.endOfTurn(editors.tidy);

    const set = (field: string, value: unknown): ServerSharedWrite => setField(tree, field, value);
    const look = (): void => checks.run(tree.get().value, (field) => writers.get(name)?.get(field) ?? null);
    const derive = (): void => {
      let { value } = tree.get();
      for (const { name: field, keys, derive: make } of fields.derived) {
        const next = make(value as AnyValue);
        if (isSame(next, valueIn(value, keys))) continue;
        value = withValue(value, keys, next);
        set(field, next);
      }
    };
    const attempt = (run: () => void): void => {
      try {
        run();
      } catch (error) {
        report(error);
      }
    };
    const opened: OpenForm = {
      tree,
      editors,
      submits,
      changed({ changes, from }) {
        const written = changes.flatMap(({ path: [root, ...keys], ...rest }) =>
          root === "value" ? [{ keys, field: keys.join("."), ...rest }] : [],
        );
        if (!written.length) return;
        // What it wrote itself says nothing new about what is to be derived.
        const isOwn = written.every(({ keys }) => derivedKeys.some((own) => isSame(own, keys)));
        if (!isOwn) attempt(derive);
        if (from !== null) {
          const told = written.map(({ keys: _, ...change }) => change);
          const value = tree.get().value as AnyValue;
          attempt(() => onChange?.({ topic: name, params: params as never, value, changes: told, from, set }));
        }
        look();
      },
      close() {
        checks.close();
        editors.close();
        submits.close();
      },
    };
    attempt(derive);
    look();
    return opened;
  };

  return {
    authorize,
    open,
    treeOf: () => (isPattern ? undefined : (trees as unknown as ServerShared<FormTree>)),
    list: (prefix) => (isPattern ? trees.list({ prefix }) : []),
    delete(params) {
      const name = nameFor(params);
      const known = forms.get(name);
      if (known instanceof Promise) void known.then(({ close }) => close());
      else known?.close();
      forms.delete(name);
      writers.delete(name);
      if (!isPattern) return;
      trees.delete(params as never);
      lives.delete(params as never);
    },
  };
}

/**
 * The forms of one declaration: the topics they are made of, opened together, and what happens when somebody writes.
 *
 * Always: a form is open at most once; a change is derived from, then told to the application, then checked.
 * Rules: docs/protocol/form.md FORM1-FORM8, TEXT1-TEXT9.
 */
import { topicName } from "../core/definitions.ts";
import { SyncError } from "../core/errors.ts";
import type { FormDefinition } from "../core/form.ts";
import type { User } from "../core/register.ts";
import type { Schema } from "../core/schema.ts";
import { isBelow } from "../kind/changes.ts";
import { type Editor, type FormErrors, type FormLive, type FormTree, liveTopic, textTopic, type Verdict } from "../kind/form.ts";
import { noErrors } from "../kind/form-errors.ts";
import { keysOf, overlaps, valueIn, withValue } from "../kind/form-path.ts";
import { textFields } from "../kind/form-text.ts";
import { isSame } from "../kind/same.ts";
import { atom, type ServerAtom } from "./atom.ts";
import { companion, targetOf } from "./companion.ts";
import type { ServerCore } from "./core.ts";
import type { ParamValues } from "./family.ts";
import type { AnyOptions, AnyValue, FormTarget } from "./form.ts";
import { createChecks } from "./form-checks.ts";
import { createEditors, type Editors } from "./form-editors.ts";
import { createGuard, fieldsOf } from "./form-fields.ts";
import { createSubmits, type Submits } from "./form-submits.ts";
import { createTexts, type Texts } from "./form-texts.ts";
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
  /** Keeps one that is open for the program, until it is released. */
  keep(params: ParamValues): Promise<unknown>;
  release(params: ParamValues): void;
  /** Where the form has no params. */
  treeOf(params: ParamValues): ServerShared<FormTree> | undefined;
  /** A write of the application, to the tree of that form; what it changes of texts that merge is changed there. */
  write(topic: string, run: () => ServerSharedWrite): ServerSharedWrite;
  list(prefix: string): string[];
  delete(params: ParamValues): void;
}

/** Undefined takes it out. */
export function setField(tree: ServerShared<FormTree>, field: string, value: unknown): ServerSharedWrite {
  const path = ["value", ...keysOf(field)];
  return value === undefined ? tree.delete(path) : tree.set(path as never, value as never);
}

export function createHost(core: ServerCore, server: object, target: FormTarget, options: AnyOptions): FormHost {
  const definition = target.options as FormDefinition<Schema, unknown>;
  const { schema, initial = {}, private: privateNames = [] } = definition;
  const privates = privateNames as readonly string[];
  const { lockMs = 30_000, checkTimeoutMs = 10_000, submitTimeoutMs = 30_000, onChange, authorize, durability } = options;
  const textual = textFields(definition);
  const fields = fieldsOf(
    options,
    privates,
    textual.map(({ name }) => name),
  );
  const derivedKeys = fields.derived.map(({ keys }) => keys);
  const textKeys = textual.map(({ keys }) => keys);
  const forms = new Map<string, OpenForm | Promise<OpenForm>>();
  /** Of the forms that are open, where there are fields that merge. */
  const textsOf = new Map<string, { readonly tree: ServerShared<FormTree>; readonly texts: Texts }>();
  /** By form and checked field: who wrote it. */
  const writers = new Map<string, Map<string, User>>();
  const isPattern = typeof target === "function";
  const nameFor = (params: ParamValues): string => topicName(target.pattern, params);

  const beside = (kind: string, pattern: string): never => companion(kind, pattern, target.pattern, isPattern);

  const guardOne = createGuard([...derivedKeys, ...textKeys], privates.map(keysOf));
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

  const trees = shared<FormTree, never>(
    server,
    targetOf({ kind: "shared", pattern: target.pattern, options: { initial: { value: initial } } }, isPattern),
    {
      validate: guard,
      ...(authorize && { authorize }),
      ...(durability && { durability }),
      ...(options.retention && { retention: options.retention }),
      onChange({ topic, params, changes, from }) {
        const known = forms.get(topic);
        if (known && !(known instanceof Promise)) known.changed({ changes, from });
        // Whoever opens it looks at all of it.
        else if (!known) openLater(params);
      },
    },
  );
  const noLive: FormLive = {
    checked: Object.fromEntries(fields.checked.map(({ name, dependsOn }) => [name, dependsOn])),
    derived: fields.derived.map(({ name }) => name),
    lockMs,
    verdicts: {},
    rules: noErrors,
    editors: {},
    isSubmitting: false,
  };
  const asForm = authorize && {
    authorize: ((request) => authorize({ ...request, kind: "shared", topic: nameFor(request.params) })) as Authorize,
  };
  if (textual.length && !options.texts)
    throw new SyncError(
      "unsupported",
      `Field "${textual[0]?.name}" of "${target.pattern}" merges letter by letter: give \`form\` the option \`texts\`, which is \`formTexts\` of sente-sync/form/text/server.`,
    );
  const docs = textual.length
    ? options.texts?.declare(server, beside("doc", textTopic(target.pattern)), { ...asForm, ...(durability && { durability }) })
    : undefined;
  const lives = atom<FormLive, never>(server, beside("atom", liveTopic(target.pattern)), {
    initial: (({ params }: { readonly params: ParamValues }) => {
      openLater(params);
      return noLive;
    }) as never,
    ...asForm,
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

  /** Tree and text stay loaded for as long as the form is open, and it is as long as the atom is. */
  const openForm = async (name: string, params: ParamValues): Promise<OpenForm> => {
    const tree = await treeOf(params);
    try {
      return await openOn(name, params, tree);
    } catch (error) {
      if (isPattern) trees.release(params as never);
      throw error;
    } finally {
      if (isPattern) lives.release(params as never);
    }
  };

  const closed = (name: string, params: ParamValues): void => {
    writers.delete(name);
    if (!forms.delete(name) || !isPattern) return;
    trees.release(params as never);
    docs?.release(params);
  };

  const openOn = async (name: string, params: ParamValues, tree: ServerShared<FormTree>): Promise<OpenForm> => {
    await tree.ready;
    const live = await liveOf(params);
    const report = (error: unknown): void => core.report(error, name);
    const tell = (recipe: (draft: Open) => void): void => live.update((draft) => recipe(draft));
    const checks = createChecks({
      env: core.env,
      schema,
      fields: fields.checked,
      privates,
      rules: options.validate,
      params,
      timeoutMs: checkTimeoutMs,
      present: () => tree.get().value,
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
      gather: () => texts?.gather(),
      onSubmit: options.onSubmit,
      timeoutMs: submitTimeoutMs,
      ends: core.ends,
      pack: core.topics.pack,
      onRunning: (isSubmitting) => tell((draft) => void (draft.isSubmitting = isSubmitting)),
      report,
    });
    const doc = await docs?.open(params);
    const texts =
      doc &&
      createTexts(
        {
          env: core.env,
          fields: textual,
          value: () => tree.get().value,
          write: (field, value) => setField(tree, field.name, value),
          report,
        },
        doc,
      );
    if (texts) textsOf.set(name, { tree, texts });
    const hosted = core.topics.opened(liveTopic(name));
    if (hosted) {
      hosted.topic.readersChanged = () => core.env.endOfTurn(editors.tidy);
      hosted.beside = {
        // What the atom says is found out again when the form is opened.
        isEmpty() {
          const { editors: now, isSubmitting } = live.get();
          const isUsed = [name, textTopic(name)].some((each) => core.topics.isUsed(each, 1));
          return !isSubmitting && !Object.keys(now).length && !isUsed;
        },
        close() {
          opened.close();
          closed(name, params);
        },
      };
    }

    const set = (field: string, value: unknown): ServerSharedWrite => write(name, () => setField(tree, field, value));
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
        // Somebody wrote what it is in: the tree says what the text says.
        const isOver = from !== null && written.some(({ keys }) => textKeys.some((own) => isBelow(own, keys)));
        if (isOver) texts?.gather();
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
        texts?.close();
        textsOf.delete(name);
      },
    };
    attempt(derive);
    look();
    return opened;
  };

  const write = (name: string, run: () => ServerSharedWrite): ServerSharedWrite => {
    if (!textual.length) return run();
    const found = textsOf.get(name);
    if (!found) throw new SyncError("loading", `Form "${name}" is not open yet: await its \`ready\` first.`);
    const { tree, texts } = found;
    texts.gather();
    const before = tree.get().value;
    const written = run();
    texts.wrote(before);
    return written;
  };

  return {
    authorize,
    open,
    keep: async (params) => trees.open(params as never),
    release: (params) => trees.release(params as never),
    write,
    treeOf: () => (isPattern ? undefined : (trees as unknown as ServerShared<FormTree>)),
    list: (prefix) => (isPattern ? trees.list({ prefix }) : []),
    delete(params) {
      const name = nameFor(params);
      const known = forms.get(name);
      if (known instanceof Promise) void known.then(({ close }) => close());
      else known?.close();
      closed(name, params);
      if (!isPattern) return;
      trees.delete(params as never);
      lives.delete(params as never);
      docs?.delete(params);
    },
  };
}

/**
 * `sente-sync/form/server`: `form(sync, definition, options)`, the server's side of a form that several people fill in.
 *
 *   form(sync, signup, {
 *     fields: {
 *       email: { validate: async (email, { error, signal }) => { if (await taken(email, signal)) error("already registered"); } },
 *       bioLeft: { derive: ({ bio = "" }) => 200 - bio.length },
 *     },
 *     validate: ({ from, to }, { error }) => { if (from && to && from > to) error("to", "is before the start"); },
 *     onSubmit: async ({ value, user, id }) => ({ account: await register(value, id) }),
 *   });
 *
 * The fields are in a shared tree, `signup/7`, so they are as durable as one; verdicts, and who edits what, are in an atom in memory,
 * `signup/7/@form`. `authorize` is asked about both, and about submits, as about writes to the tree.
 * Texts that merge letter by letter are in a document, `signup/7/@text`, and written to the tree by the server.
 * Always: clients write fields, and neither private nor derived ones; what `onSubmit` gets has passed everything a moment before.
 * Rules: docs/protocol/form.md FORM1-FORM8, CHECK1-CHECK7, EDIT1-EDIT5, SUBMIT1-SUBMIT9.
 */
import type { Pattern, Ref } from "../core/definitions.ts";
import type { Draft, FieldName, FieldValue, FormShape } from "../core/form.ts";
import { derived, type Readable } from "../core/store.ts";
import type { FormTree } from "../kind/form.ts";
import type { Recipe } from "../kind/produce.ts";
import type { Durability, Retention } from "../topic/log.ts";
import { coreOf } from "./core.ts";
import type { Family, ParamValues } from "./family.ts";
import { hostsOf } from "./form-asks.ts";
import type { FieldCheck, FormCheck } from "./form-checks.ts";
import { createHost, type FormHost, setField } from "./form-host.ts";
import type { Submit } from "./form-submits.ts";
import type { FormTexts } from "./form-texts.ts";
import type { Authorize } from "./grants.ts";
import type { ServerShared, ServerSharedWrite } from "./shared.ts";

export type { Draft, FieldName, FieldValue, FormShape } from "../core/form.ts";
export type { FieldCheck, FormCheck } from "./form-checks.ts";
export type { Submit } from "./form-submits.ts";

/** What the server does with one field. */
export interface ServerField<In, Value, P> {
  /** Called with each new value that the schema has nothing against; may take its time. Says what is wrong by `error`. */
  readonly validate?: (value: NonNullable<Value>, check: FieldCheck<Draft<In>, P>) => void | Promise<void>;
  /** Other fields that the validator looks at: it runs again when they change. */
  readonly dependsOn?: readonly FieldName<In>[];
  /** What is in the field, by the others: the server writes it after each change, and clients do not. */
  readonly derive?: (value: Draft<In>) => Value | undefined;
}

/** A write of a client, once it is stored. */
export interface FormChange<In, P> {
  readonly topic: string;
  readonly params: P;
  /** As it is now: more may have changed since. */
  readonly value: Draft<In>;
  /** Names of the fields that were written, and what they were given. */
  readonly changes: readonly { readonly field: string; readonly value?: unknown }[];
  /** Public id of the writer's session. */
  readonly from: string;
  /** Writes a field as the server: a counter, an address by its postal code. Not told to `onChange`. */
  set<const N extends FieldName<In>>(field: N, value: FieldValue<In, N> | undefined): ServerSharedWrite;
}

export interface ServerFormOptions<In, Out, Answer, P extends ParamValues = ParamValues> {
  /** By name, `address.city`. */
  readonly fields?: { readonly [N in FieldName<In>]?: ServerField<In, FieldValue<In, N>, P> };
  /** Rules between fields, after each change and when it is submitted. Says what is wrong by `error`. */
  readonly validate?: (value: Draft<In>, check: FormCheck<FieldName<In>, P>) => void | Promise<void>;
  /** Called for each write of a client that is stored, in their order. */
  readonly onChange?: (change: FormChange<In, P>) => void;
  /**
   * Called once per submission, with what the schema made of the form. What it returns is the answer, which everybody in the form can
   * read. `error` refuses it; a SyncError that is thrown is told as it is. One that the server's end cuts off is not called again.
   */
  readonly onSubmit: (submit: Submit<Out, FieldName<In>, P>) => Answer | Promise<Answer>;
  /** `formTexts` of `sente-sync/form/text/server`, where the definition has fields with `text: true`. */
  readonly texts?: FormTexts;
  /** How long a field stays locked without a keystroke. Default 30 000. */
  readonly lockMs?: number;
  /** How long a submit waits for the schema, the validators and the rules before it is answered with `timeout`. Default 10 000. */
  readonly checkTimeoutMs?: number;
  /** How long `onSubmit` may take before it is answered with `timeout`, and the next submission has its turn. Default 30 000. */
  readonly submitTimeoutMs?: number;
  /** Asked for `read` and for `write`, which submitting is, too. */
  readonly authorize?: Authorize;
  /** Of what is typed. Default `strict` where the server has a storage. */
  readonly durability?: Durability;
  readonly retention?: Partial<Retention>;
}

/** A server's handle of one form. */
export interface ServerForm<In> extends Readable<Draft<In>> {
  readonly topic: string;
  /** Resolves when the value is the stored one. Rejects where it cannot be read. */
  readonly ready: Promise<void>;
  set<const N extends FieldName<In>>(field: N, value: FieldValue<In, N> | undefined): ServerSharedWrite;
  /** A recipe as Immer has them; only what it changes is written. Throws what the recipe throws. */
  update(recipe: Recipe<Draft<In>>): ServerSharedWrite;
}

export function form<In, Out, Answer, P extends ParamValues>(
  server: object,
  pattern: Pattern<"form", FormShape<In, Out, Answer>, P>,
  options: ServerFormOptions<In, Out, NoInfer<Answer>, P>,
): Family<ServerForm<In>, P>;
export function form<In, Out, Answer>(
  server: object,
  ref: Ref<"form", FormShape<In, Out, Answer>>,
  options: ServerFormOptions<In, Out, NoInfer<Answer>>,
): ServerForm<In>;
export function form(
  server: object,
  target: Ref<"form", AnyShape> | Pattern<"form", AnyShape, never>,
  options: AnyOptions,
): ServerForm<AnyValue> | Family<ServerForm<AnyValue>, never> {
  const core = coreOf(server);
  const host = createHost(core, server, target, options);
  hostsOf(core, server).set(target.pattern, host);
  if (typeof target !== "function") {
    const ready = host.open({}).then(() => {});
    ready.catch((error: unknown) => core.report(error, target.topic));
    return serverForm(host.treeOf({}) as ServerShared<FormTree>, host, ready);
  }
  const enter = async (params: ParamValues): Promise<ServerForm<AnyValue>> => {
    const { tree } = await host.open(params);
    await host.keep(params);
    return serverForm(tree, host, tree.ready);
  };
  return {
    open: enter,
    release: host.release,
    async use(params, run) {
      const opened = await enter(params);
      try {
        return await run(opened);
      } finally {
        host.release(params);
      }
    },
    list: ({ prefix = "" } = {}) => host.list(prefix),
    delete: host.delete,
  };
}

export type AnyValue = { readonly [field: string]: unknown };
export type AnyShape = FormShape<AnyValue, unknown, unknown>;
export type AnyOptions = ServerFormOptions<AnyValue, unknown, unknown, never>;
export type AnyField = ServerField<AnyValue, unknown, never>;
/** A ref or a pattern. */
export type FormTarget = (Ref | ((params: never) => Ref)) & { readonly pattern: string; readonly options: object };

function serverForm<In>(tree: ServerShared<FormTree>, host: FormHost, ready: Promise<void>): ServerForm<In> {
  const value = derived(tree, ({ value }) => value as Draft<In>);
  return {
    topic: tree.topic,
    ready,
    ...value,
    set: (field, next) => host.write(tree.topic, () => setField(tree, field, next)),
    update: (recipe) =>
      host.write(tree.topic, () =>
        tree.update((draft) => {
          const open = draft as { value: unknown };
          const next: unknown = (recipe as (draft: unknown) => unknown)(open.value);
          if (next !== undefined) open.value = next;
        }),
      ),
  };
}

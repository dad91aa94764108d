/**
 * Definitions and refs: a definition, called with its params, gives a ref; a name without params is its own ref.
 *
 * Always: a ref's `topic` is its pattern with each param percent-encoded in its place, so no param can reach
 * into another; a definition runs nothing and holds no state: both sides import it.
 * Rules: docs/protocol.md TOPIC1-TOPIC4.
 */
import { type ErrorCode, SyncError } from "./errors.ts";
import type { FormDefinition, FormSchema, ShapeOf } from "./form.ts";
import type { User } from "./register.ts";
import type { InputOf, OutputOf, Schema } from "./schema.ts";
import type { Versioned } from "./versions.ts";

/** The names of the `:params` in a pattern. */
export type ParamName<P extends string> = P extends `${infer Head}/${infer Tail}`
  ? ParamName<Head> | ParamName<Tail>
  : P extends `:${infer Name}`
    ? Name
    : never;
export type Params<P extends string> = { readonly [K in ParamName<P>]: string };

declare const valueType: unique symbol;

/** Names one topic. `V` is what its readers get. */
export interface Ref<Kind extends string = string, V = unknown> {
  readonly kind: Kind;
  readonly topic: string;
  readonly pattern: string;
  readonly params: { readonly [name: string]: string };
  readonly options: object;
  /** Of what the topic holds; nothing: 1. */
  readonly version?: number | undefined;
  readonly [valueType]?: V;
}

/** A pattern with params: call it to get a ref. */
export interface Pattern<Kind extends string, V, P extends { readonly [name: string]: string }> {
  (params: P): Ref<Kind, V>;
  readonly kind: Kind;
  readonly pattern: string;
  readonly options: object;
  readonly [valueType]?: V;
}

export type Definition<Kind extends string, Name extends string, V> = [ParamName<Name>] extends [never]
  ? Ref<Kind, V>
  : Pattern<Kind, V, Params<Name>>;

/** What functions of an owner take for a topic: a ref, or for a quick start its name. */
export type RefOrName<Kind extends string, V> = Ref<Kind, V> | string;

const maxTopicBytes = 255;

/** A param as it stands in a name; `*` alone would be a wildcard. */
export function encodeParam(value: string): string {
  return value === "*" ? "%2A" : encodeURIComponent(value);
}

/** The topic a pattern names with those params; throws SyncError `invalid` for a missing param or a name that is too long. */
export function topicName(pattern: string, params: { readonly [name: string]: string }): string {
  const topic = pattern.replace(/:([^/]+)/g, (_, name: string) => {
    const value = Object.hasOwn(params, name) ? params[name] : undefined;
    if (typeof value !== "string" || value === "")
      throw new SyncError("invalid", `Topic "${pattern}" needs "${name}": a string, not empty.`);
    return encodeParam(value);
  });
  if (topic.length > maxTopicBytes) throw new SyncError("invalid", `Topic "${topic}" is longer than ${maxTopicBytes} bytes.`);
  return topic;
}

/** What a `define…` gives: a ref, or for a pattern with params what makes one. */
export function define(kind: string, pattern: string, options: object): unknown {
  const { version: declared } = options as Versioned;
  const version = declared === 1 ? undefined : declared;
  if (!/(^|\/):/.test(pattern)) return { kind, topic: topicName(pattern, {}), pattern, params: {}, options, version };
  const ref = (params: { readonly [name: string]: string }): Ref => ({
    kind,
    topic: topicName(pattern, params),
    pattern,
    params,
    options,
    version,
  });
  return Object.assign(ref, { kind, pattern, options });
}

/** The topic that a ref or a name means. */
export function topicOf(ref: RefOrName<string, unknown>): string {
  return typeof ref === "string" ? ref : ref.topic;
}

/** The ref itself, or the ref of a plain name. */
export function toRef<Kind extends string, V>(kind: Kind, ref: RefOrName<Kind, V>): Ref<Kind, V> {
  return typeof ref === "string" ? (define(kind, ref, {}) as Ref<Kind, V>) : ref;
}

/** Server-owned state, read by everyone who may. */
export function defineAtom<const Name extends string, T>(
  name: Name,
  options: Versioned & { readonly initial: T },
): Definition<"atom", Name, T> {
  return define("atom", name, options) as Definition<"atom", Name, T>;
}

/** A tree that everyone writes who may; the last write of each path wins. */
export function defineShared<const Name extends string, T extends object>(
  name: Name,
  options: Versioned & {
    /** What stands where nothing was written yet; a plain object. */
    readonly initial: T;
    /** Every state must pass it. What it makes of the value is not used. */
    readonly schema?: Schema<NoInfer<T>, unknown>;
  },
): Definition<"shared", Name, T> {
  return define("shared", name, options) as Definition<"shared", Name, T>;
}

/** A schema of anything. */
type AnySchema = Schema<never, unknown> | Schema;

/** The events of a channel: a schema each. */
export type ChannelEvents = { readonly [event: string]: AnySchema };

/** A stream of events that anybody allowed publishes and reads. */
export function defineChannel<const Name extends string, const E extends ChannelEvents = { readonly [event: string]: Schema }>(
  name: Name,
  options: { readonly events?: E } = {},
): Definition<"channel", Name, E> {
  return define("channel", name, options) as Definition<"channel", Name, E>;
}

/** What a room is to those who are in it: what a member shows of itself, what it may set, what is broadcast, what a presenter shows. */
export interface RoomShape<Data = unknown, Input = Data, E = ChannelEvents, Stage = unknown> {
  readonly data: Data;
  readonly input: Input;
  readonly events: E;
  readonly stage: Stage;
}

/** Who is here now, and what each of them shows of itself. Nothing of it is ever stored. */
export function defineRoom<
  const Name extends string,
  S extends AnySchema = Schema<{ [key: string]: unknown }>,
  const E extends ChannelEvents = { readonly [event: string]: Schema },
  P extends AnySchema = Schema,
>(
  name: Name,
  options: {
    /** The type of a member's data, an object: `type<{ name: string; cursor: Point | null }>()`, or a schema that the server asks. */
    readonly schema?: S;
    /** What is broadcast, a schema each. Default: anything. */
    readonly events?: E;
    /** What a presenter shows. */
    readonly stage?: P;
  } = {},
): Definition<"presence", Name, RoomShape<OutputOf<S>, InputOf<S>, E, OutputOf<P>>> {
  return define("presence", name, options) as Definition<"presence", Name, RoomShape<OutputOf<S>, InputOf<S>, E, OutputOf<P>>>;
}

/** What a mutation is told, and can do. */
export interface MutationContext {
  /** Who asked for it; null: the server itself, or a client that never heard from one. */
  readonly user: User | null;
  /** A new id: the same in the optimistic and in the server's run. */
  id(): string;
  /** Wall clock of whoever runs it, ms: the server's is the one that stays. */
  now(): number;
  /** Ends the mutation: it is rejected, and nothing of it stays. */
  reject(code: ErrorCode | `${string}/${string}`, message?: string): never;
}

/** Changes the draft, or returns the next state. */
export type Mutation<State, Input = never> = (draft: State, input: Input, context: MutationContext) => State | void;

export type Mutations<State> = { readonly [name: string]: Mutation<State> };

/** What a store is to its readers: its state, and what can be done to it. */
export interface StoreShape<State, M> {
  readonly state: State;
  readonly mutations: M;
}

/** The arguments that a mutation is called with: its input, or nothing. */
export type MutationArgs<F> = F extends (draft: never, ...rest: infer Rest) => unknown
  ? Rest extends readonly []
    ? []
    : undefined extends Rest[0]
      ? [input?: Rest[0]]
      : [input: Rest[0]]
  : never;

export interface StoreDefinition<State, M extends Mutations<State>> extends Versioned {
  readonly initial: State;
  readonly mutations: M;
  /** Schemas of inputs, by mutation: what they give is what the mutation gets, on both sides. */
  readonly inputs?: { readonly [K in keyof M]?: Schema<never, unknown> | Schema };
  /** Of the state that a mutation leaves; it is checked, not changed. */
  readonly schema?: Schema<never, unknown> | Schema;
  /**
   * Which call takes a call back, by mutation; undefined where it cannot be taken back any more. What is not here is never undone.
   *
   *   undo: { add: ({ id }) => ["remove", id], rename: ({ input, before }) => ["rename", { id: input.id, to: nameIn(before, input.id) }] }
   */
  readonly undo?: {
    readonly [K in keyof NoInfer<M>]?: (
      done: DoneCall<NoInfer<State>, MutationArgs<NoInfer<M>[K]>[0]>,
    ) => UndoCall<NoInfer<M>> | undefined;
  };
}

/** A call of this client, when it is to be undone. */
export interface DoneCall<State, Input> {
  readonly input: Input;
  /** What `ctx.id()` gave first. */
  readonly id: string;
  /** What this client saw before it and after it, and sees now. */
  readonly before: State;
  readonly after: State;
  readonly now: State;
}

/** A mutation and its input. */
export type UndoCall<M> = { readonly [K in keyof M]: readonly [mutation: K, ...input: MutationArgs<M[K]>] }[keyof M];

/** State that everyone changes through named mutations: at once on the client, and again on the server, whose result counts. */
export function defineStore<const Name extends string, State, const M extends Mutations<NoInfer<State>>>(
  name: Name,
  options: StoreDefinition<State, M>,
): Definition<"store", Name, StoreShape<State, M>> {
  return define("store", name, options) as Definition<"store", Name, StoreShape<State, M>>;
}

/**
 * A form that several people fill in together: each field is shared as it is typed, checked by the schema on both sides, and
 * submitted once.
 *
 *   const signup = defineForm("signup/:draft", { schema, initial: { email: "" }, private: ["password"] });
 */
export function defineForm<const Name extends string, S extends FormSchema, Answer = unknown>(
  name: Name,
  options: FormDefinition<S, Answer>,
): Definition<"form", Name, ShapeOf<S, Answer>> {
  return define("form", name, options) as Definition<"form", Name, ShapeOf<S, Answer>>;
}

/**
 * A Yjs document that several people edit: `doc(…)` of `sente-sync/doc` and `sente-sync/doc/server`.
 *
 *   const notes = defineDoc("notes/:id");
 */
export function defineDoc<const Name extends string>(name: Name): Definition<"doc", Name, unknown> {
  return define("doc", name, {}) as Definition<"doc", Name, unknown>;
}

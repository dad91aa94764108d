/**
 * Definitions and refs: a definition, called with its params, gives a ref; a name without params is its own ref.
 *
 * Always: a ref's `topic` is its pattern with each param percent-encoded in its place, so no param can reach
 * into another; a definition runs nothing and holds no state: both sides import it.
 * Rules: docs/protocol.md TOPIC1-TOPIC4.
 */
import { SyncError } from "./errors.ts";
import type { Schema } from "./schema.ts";

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

/** The topic a pattern names with those params; throws SyncError `invalid` for a missing param or a name that is too long. */
export function topicName(pattern: string, params: { readonly [name: string]: string }): string {
  const topic = pattern.replace(/:([^/]+)/g, (_, name: string) => {
    const value = Object.hasOwn(params, name) ? params[name] : undefined;
    if (typeof value !== "string" || value === "")
      throw new SyncError("invalid", `Topic "${pattern}" needs "${name}": a string, not empty.`);
    return encodeURIComponent(value);
  });
  if (topic.length > maxTopicBytes) throw new SyncError("invalid", `Topic "${topic}" is longer than ${maxTopicBytes} bytes.`);
  return topic;
}

function define(kind: string, pattern: string, options: object): unknown {
  if (!/(^|\/):/.test(pattern)) return { kind, topic: topicName(pattern, {}), pattern, params: {}, options };
  const ref = (params: { readonly [name: string]: string }): Ref => ({
    kind,
    topic: topicName(pattern, params),
    pattern,
    params,
    options,
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
  options: { readonly initial: T },
): Definition<"atom", Name, T> {
  return define("atom", name, options) as Definition<"atom", Name, T>;
}

/** The events of a channel: a schema each. */
export type ChannelEvents = { readonly [event: string]: Schema<never, unknown> | Schema };

/** A stream of events that anybody allowed publishes and reads. */
export function defineChannel<const Name extends string, const E extends ChannelEvents = { readonly [event: string]: Schema }>(
  name: Name,
  options: { readonly events?: E } = {},
): Definition<"channel", Name, E> {
  return define("channel", name, options) as Definition<"channel", Name, E>;
}

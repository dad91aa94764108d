/**
 * `shared(sync, ref)` on the server: a tree that clients and server write, the last write of each path wins.
 *
 * Always: `get()` after `set` and `update` shows them; readers are told what is stored; listeners and `onChange` are called at the end of
 * the turn, never while a write is decided.
 * Rules: docs/protocol/shared.md SHARED1-SHARED13.
 */
import { type Pattern, type Ref, toRef } from "../core/definitions.ts";
import type { ValueAt } from "../core/paths.ts";
import type { User } from "../core/register.ts";
import type { Readable } from "../core/store.ts";
import type { Recipe } from "../kind/produce.ts";
import { versionsOf } from "../kind/versions.ts";
import type { Durability, Retention } from "../topic/log.ts";
import { coreOf } from "./core.ts";
import { declareKind, type Family, type ParamValues } from "./family.ts";
import type { Authorize } from "./grants.ts";
import { hostShared, initialOf, type SharedDefinition } from "./shared-host.ts";

export interface SharedChange<T, P extends ParamValues = ParamValues> {
  readonly topic: string;
  readonly params: P;
  /** As it is now: more may have changed since. */
  readonly value: T;
  /** What was assigned; a path without `value` was deleted. */
  readonly changes: readonly { readonly path: readonly string[]; readonly value?: unknown }[];
  /** Public id of the writer's replica; null: the server. */
  readonly from: string | null;
}

/** A write that a client asks for. */
export interface SharedWrite<T, P extends ParamValues = ParamValues> {
  /** What the value would be. */
  readonly next: T;
  readonly value: T;
  readonly changes: SharedChange<T>["changes"];
  readonly user: User;
  readonly params: P;
}

export interface ServerSharedOptions<T, P extends ParamValues = ParamValues> {
  /** The first value, made once in the topic's life. Writes that clients made before are newer. Default: the definition's `initial`. */
  readonly seed?: (context: { readonly params: P }) => T | Promise<T>;
  /** Throws to reject a client's write; a SyncError is told as it is. Not asynchronous, and writes nothing itself. */
  readonly validate?: (write: SharedWrite<T, P>) => void;
  /** Called for each write that is stored, in their order. */
  readonly onChange?: (change: SharedChange<T, P>) => void;
  readonly authorize?: Authorize;
  /** Default `strict` where the server has a storage. */
  readonly durability?: Durability;
  readonly retention?: Partial<Retention>;
  /** Deletions are remembered for so long, and writes that are older are refused as `stale`. Default 7 days. */
  readonly forgetDeletedMs?: number;
  /** Assignments that one tree may hold. Default 100,000. */
  readonly maxRegisters?: number;
}

/** A write of the server. */
export interface ServerSharedWrite {
  /** Resolves when the topic's log has it. Not asked for, it is never an unhandled rejection. */
  readonly stored: Promise<void>;
}

/** A server's handle of one shared tree. */
export interface ServerShared<T> extends Readable<T> {
  readonly topic: string;
  /** Resolves when the value is the stored one. Rejects where it cannot be read. */
  readonly ready: Promise<void>;
  /** Throws SyncError where the value cannot be written. */
  set<const P extends readonly string[]>(path: P, value: ValueAt<T, P>): ServerSharedWrite;
  delete(path: readonly string[]): ServerSharedWrite;
  /** A recipe as Immer has them; only what it changes is written. Throws what the recipe throws. */
  update(recipe: Recipe<T>): ServerSharedWrite;
}

/** A server's handle of a pattern of shared trees. */
export interface SharedFamily<T, P> extends Family<ServerShared<T>, P> {
  /** Back to the definition's `initial`, as a write. */
  clear(params: P): Promise<void>;
}

export function shared<T, P extends ParamValues>(
  server: object,
  pattern: Pattern<"shared", T, P>,
  options?: ServerSharedOptions<NoInfer<T>, P>,
): SharedFamily<T, P>;
export function shared<T>(
  server: object,
  ref: Ref<"shared", T> | string,
  options?: ServerSharedOptions<NoInfer<T>>,
): ServerShared<T>;
export function shared<T>(
  server: object,
  target: Ref<"shared", T> | Pattern<"shared", T, never> | string,
  options: ServerSharedOptions<T, never> = {},
): ServerShared<T> | SharedFamily<T, never> {
  const core = coreOf(server);
  const ref = toRef<"shared", T>("shared", target as Ref<"shared", T> | string) as Ref<"shared", T> | Pattern<"shared", T, never>;
  const definition = ref.options as SharedDefinition;
  const versions = versionsOf(ref.pattern, ref.options);
  const grants = { authorize: options.authorize, writeAction: "write", durability: options.durability } as const;
  const handle = declareKind<ServerShared<T>>(core, "shared", ref, grants, (name, params, onHandle) =>
    hostShared<T>(core, name, params, { ...(options as ServerSharedOptions<T>), definition, versions, onHandle }),
  );
  if (typeof ref !== "function") return handle as ServerShared<T>;
  const family = handle as Family<ServerShared<T>, never>;
  return {
    ...family,
    clear: (params: never) => family.use(params, (tree) => tree.set([], initialOf(definition) as never).stored),
  };
}

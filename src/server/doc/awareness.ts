/**
 * The room of a document: who is at it, and where. A document `notes/1` has the room `notes/1/@awareness`.
 *
 * Always: the document's `authorize` says who may be there; what is shown there is the server's word, as in any room.
 * Rules: docs/protocol/awareness.md AWARE1, AWARE8.
 */
import { type Pattern, type Ref, type RoomShape, topicName, toRef } from "../../core/definitions.ts";
import type { User } from "../../core/register.ts";
import { companion } from "../companion.ts";
import type { ParamValues } from "../family.ts";
import type { Authorize } from "../grants.ts";
import { presence } from "../presence.ts";

export interface AwarenessUpdate<P> {
  /** The document's. */
  readonly topic: string;
  readonly params: P;
  readonly user: User;
  readonly state: { readonly [key: string]: unknown };
  /** As it was; undefined: it has just come. */
  readonly before: { readonly [key: string]: unknown } | undefined;
}

export interface AwarenessOptions<P> {
  readonly authorize: Authorize | undefined;
  readonly onAwarenessUpdate: ((update: AwarenessUpdate<P>) => object | void) | undefined;
}

type Rooms = Pattern<"presence", RoomShape<object>, ParamValues>;

/** Declares it; returns what forgets one. */
export function awareness(
  server: object,
  target: Ref<"doc", unknown> | Pattern<"doc", unknown, never> | string,
  { authorize, onAwarenessUpdate }: AwarenessOptions<never>,
): (params: ParamValues) => void {
  const { pattern } = toRef("doc", target as Ref<"doc", unknown> | string);
  const own = `${pattern}/@awareness`;
  const documentOf = (params: ParamValues): string => topicName(pattern, params);
  const rooms: Rooms = companion("presence", own, pattern, typeof target === "function");
  const declared = presence(server, rooms, {
    ...(authorize && {
      authorize: (request) => authorize({ ...request, kind: "doc", topic: documentOf(request.params) }),
    }),
    ...(onAwarenessUpdate && {
      onUpdate({ user, data, before, params }) {
        return onAwarenessUpdate({
          topic: documentOf(params),
          params: params as never,
          user,
          state: data as AwarenessUpdate<never>["state"],
          before: before as AwarenessUpdate<never>["before"],
        });
      },
    }),
  });
  return (params) => declared.delete(params);
}

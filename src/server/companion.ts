/**
 * Topics that stand beside another one, and are nothing without it: what the server says of a form, the room of a document, the cells of a
 * room. They are made of refs and patterns that say so.
 *
 * Always: a companion has the params of the topic it stands beside; `revoke` of that one is of all that stands beside it.
 * Rules: docs/protocol.md GRANT12.
 */
import { topicName } from "../core/definitions.ts";
import type { ParamValues } from "./family.ts";

interface Target {
  readonly kind: string;
  readonly pattern: string;
  readonly options: object;
  readonly companionOf?: string;
}

/** The same topic, or the same pattern, as another kind; `isPattern`: it is called with its params. */
export function targetOf(target: Target, isPattern: boolean): never {
  const ref = (params: ParamValues): object => ({ ...target, topic: topicName(target.pattern, params), params });
  return (isPattern ? Object.assign(ref, target) : ref({})) as never;
}

/** Of that kind, at `pattern`, beside the topic of the pattern `companionOf`. */
export function companion(kind: string, pattern: string, companionOf: string, isPattern: boolean): never {
  return targetOf({ kind, pattern, options: {}, companionOf }, isPattern);
}

/** The pattern of what it stands beside. */
export function mainOf(target: object): string | undefined {
  return (target as Partial<Target>).companionOf;
}

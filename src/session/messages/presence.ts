/**
 * The `:sync/*` messages of presence, beside subscribing. `id` is the server's for a topic that the connection reads.
 *
 *   up    member  [id "join" data away [member key]]     reply [member key every-ms data]
 *                 [id "set" patch [removed …] away]      reply true, or [data]
 *                 [id "leave"]                           reply true
 *                 [id "tell" event data lossy]           reply true
 *                 [id "stage" act value]                 reply true
 *   down  told    [id member event data]
 *
 * `[member key]` is what an earlier join was answered, or nil. `data` in an answer is what the server made of what was sent; nil: the same.
 * `act` is "take", "give", "hand" with a member's id, or "show" with a value.
 * Always: a reader returns `undefined` for data of any other shape and never throws.
 * Rules: docs/protocol/presence.md PRESENCE1-PRESENCE9.
 */
import { isIndex } from "./sync.ts";

export type Data = { readonly [key: string]: unknown };

export type MemberRequest =
  | {
      readonly op: "join";
      readonly data: Data;
      readonly away: boolean;
      readonly before: readonly [id: string, key: string] | undefined;
    }
  | { readonly op: "set"; readonly patch: Data; readonly removed: readonly string[]; readonly away: boolean }
  | { readonly op: "leave" }
  | { readonly op: "tell"; readonly event: string; readonly data: unknown; readonly isLossy: boolean }
  | { readonly op: "stage"; readonly act: StageAct; readonly value: unknown };

export type StageAct = "take" | "give" | "hand" | "show";

const acts: ReadonlySet<unknown> = new Set<StageAct>(["take", "give", "hand", "show"]);

export function isData(value: unknown): value is Data {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** `[id …]`: what is asked of which topic. */
export function readMember(data: unknown): { readonly id: number; readonly request: MemberRequest } | undefined {
  if (!Array.isArray(data) || !isIndex(data[0])) return undefined;
  const request = readRequest(data.slice(1));
  return request && { id: data[0], request };
}

function readRequest([op, first, second, third]: readonly unknown[]): MemberRequest | undefined {
  switch (op) {
    case "join": {
      const before = Array.isArray(third) && third.length === 2 && third.every((each) => typeof each === "string");
      return isData(first)
        ? { op, data: first, away: second === true, before: before ? (third as unknown as [string, string]) : undefined }
        : undefined;
    }
    case "set":
      return isData(first) && Array.isArray(second) && second.every((key) => typeof key === "string")
        ? { op, patch: first, removed: second, away: third === true }
        : undefined;
    case "leave":
      return { op };
    case "tell":
      return typeof first === "string" ? { op, event: first, data: second ?? null, isLossy: third === true } : undefined;
    case "stage":
      return acts.has(first) ? { op, act: first as StageAct, value: second ?? null } : undefined;
    default:
      return undefined;
  }
}

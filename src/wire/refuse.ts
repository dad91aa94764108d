/**
 * Why a value cannot be packed, and where it stands.
 * Rules: docs/protocol.md PACK2.
 */
import { SyncError } from "../core/errors.ts";
import { defaultBudget } from "./packer.ts";

/** The key or index of the part that is being put, for each depth up to its own. */
export const trail: (string | number)[] = [];

/** The error for a value that stands inside `depth` collections. */
export function refusal(what: string, depth: number): SyncError {
  return new SyncError("invalid", `${what} cannot be packed, at "${trail.slice(0, depth).join(".")}".`);
}

/** Throws for a collection that no reader with the default budget would take. */
export function checkDepth(depth: number): void {
  if (depth >= defaultBudget.maxDepth) throw refusal("A value this deep, or in itself,", depth);
}

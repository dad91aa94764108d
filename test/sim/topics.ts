/** The topics of a simulated world, and the wire format that both sides of it speak. */
import { defineAtom, defineChannel, type } from "sente-sync";
import { edn } from "sente-sync/packers/edn";
import { json } from "sente-sync/packers/json";
import type { Plan } from "./plan.ts";

export interface State {
  readonly life: number;
  n: number;
  items: string[];
  by: Record<string, number>;
  pad: string;
}

export interface Board {
  readonly life: number;
  cells: Record<string, number>;
}

export const noState: State = { life: -1, n: 0, items: [], by: {}, pad: "" };
export const noBoard: Board = { life: -1, cells: {} };

export const stateRef = defineAtom("state", { initial: noState });
export const boardRef = defineAtom("board", { initial: noBoard });
export const roomEvents = { said: type<{ id: string; pad: string }>() };
export const roomRef = defineChannel("room", { events: roomEvents });

/** The same text for equal values, whatever the order of their keys. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "undefined";
  const keys = Object.keys(value).sort();
  return `{${keys.map((key) => `${key}:${canonical((value as Record<string, unknown>)[key])}`).join()}}`;
}

export const packerOf = (plan: Plan) => (plan.format === "json" ? json() : edn());

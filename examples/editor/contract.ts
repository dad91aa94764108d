/** What the editor's server and its pages share: the documents, and how somebody looks in them. */
import { defineDoc } from "sente-sync";
import { toneOf } from "../shared/names.ts";

// #region contract
export const notes = defineDoc("notes/:id");

export interface Person {
  readonly name: string;
  readonly color: string;
  readonly colorLight: string;
}
// #endregion

/** Where `WebsocketProvider` of y-websocket connects. */
export const yjsPath = "/editor/yjs";

/** The same in every window, by the name. */
export function personOf(name: string): Person {
  const color = toneOf(name);
  return { name, color, colorLight: `color-mix(in srgb, ${color} 25%, transparent)` };
}

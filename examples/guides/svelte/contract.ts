/** What the server of the guide "Svelte" shares with its pages. */
// #region contract
import { defineAtom, defineChannel, defineEvents, type } from "sente-sync";

export const stats = defineAtom("stats", { initial: { visitors: 0, last: "nobody yet" } });
export const room = defineChannel("room/:id", { events: { said: type<{ text: string }>() } });
export const events = defineEvents({
  "greeting/get": { data: type<{ name: string }>(), reply: type<string>() },
  "news/item": { data: type<{ title: string }>() },
});
// #endregion

/** What server and client share: no server code in it, and the types of both sides flow from here. */
// #region contract
import { defineAtom, defineEvents } from "sente-sync";
import * as v from "valibot"; // any Standard Schema library will do

export const stats = defineAtom("stats", { initial: { visitors: 0, last: "nobody yet" } });
export const events = defineEvents({ "page/visit": { data: v.object({ path: v.string() }) } });
// #endregion

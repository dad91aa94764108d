/** What the servers and the pages of this example share. */
import { defineAtom, defineRoom } from "sente-sync";
import * as v from "valibot";

// #region contract
const point = v.object({ x: v.number(), y: v.number() });

/** Who reads a page, and where each of them points. */
export const readers = defineRoom("presence/readers/:page", { schema: v.object({ cursor: v.nullable(point) }) });

export const visits = defineAtom("presence/visits", { initial: { count: 0, last: "" } });
// #endregion

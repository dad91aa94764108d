/** What the server that is killed and its clients speak of. */
import { defineAtom, defineChannel, type } from "sente-sync";
import type { Durability } from "../../src/topic/log.ts";

/** Every write is the only one of its name: `client.n`. */
export const feed = defineChannel("deaths/feed", { events: { wrote: type<string>() } });

const nobody: { readonly counts: Readonly<Record<string, number>>; readonly filler: string } = { counts: {}, filler: "" };

/** Each client's count only grows. */
export const counts = defineAtom("deaths/counts", { initial: nobody });
/** Changed all the time, and large: its old values are what there is to compact. */
export const churn = defineAtom("deaths/churn", { initial: nobody });

/** What the child is started with, as JSON. */
export interface HouseOptions {
  readonly data: string;
  readonly portFile: string;
  readonly durability: Exclude<Durability, "memory">;
  readonly segmentBytes: number;
  /** Bytes of `churn`, which changes every 10 ms; 0: it rests. */
  readonly churnBytes: number;
  /** So many writes of the server's own come first. */
  readonly prefill: number;
}

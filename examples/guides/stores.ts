/** Atoms and what is computed from them, on both sides. Prints what each reader saw. */
import { defineAtom } from "sente-sync";
import { atom as clientAtom, createClient, derived } from "sente-sync/client";
import { atom, createServer } from "sente-sync/server";

const pay: Record<string, number> = { ada: 5200, bob: 4100 };

// #region contract
const noStats: { visitors: number; pages: Record<string, number> } = { visitors: 0, pages: {} };
const stats = defineAtom("stats", { initial: noStats });
const score = defineAtom("match/:match/score", { initial: { home: 0, away: 0 } });
const salaries = defineAtom("salaries", { initial: pay });
// #endregion

const sync = createServer({ authenticate: ({ url }) => ({ id: url.searchParams.get("name") ?? "nobody" }) });

// #region server
const live = atom(sync, stats);
live.update((draft) => {
  draft.visitors++; // a draft, as Immer has them: change it, or return a new value
  draft.pages["/pricing"] = 1;
});
live.set({ ...live.get(), visitors: 7 }); // readers are sent what is different: one number
// #endregion

// #region family
const scores = atom(sync, score, { initial: ({ params }) => ({ home: params.match === "final" ? 1 : 0, away: 0 }) });
const final = await scores.open({ match: "final" });
final.update((draft) => void draft.away++);
// #endregion

// #region view
atom(sync, salaries, {
  authorize: ({ user }) => user.id !== "nobody",
  view: { key: (user) => user.id, select: (all, id) => ({ mine: all[String(id)] ?? null }) },
});
// #endregion

const port = await sync.listen(0);
const client = createClient(`ws://localhost:${port}/chsk?name=ada`);

// #region client
const value = clientAtom(client, stats);
const stop = value.subscribe((now, change) => console.log(now, change?.cause)); // at once, and on every change
await value.ready; // the first value is here
const visitors = derived(value, (now) => now?.visitors); // tells only when the number changes
// #endregion

// #region identity
const pages = value.get()?.pages;
const changed = new Promise((resolve) => visitors.listen(resolve));
live.update((draft) => void draft.visitors++);
await changed;
const isShared = value.get()?.pages === pages; // what did not change is the same object
// #endregion

// #region view-client
const mine = await clientAtom<{ mine: number | null }>(client, "salaries").ready; // by name: a view has a type of its own
// #endregion

export const seen = { stats: value.get(), isShared, visitors: visitors.get(), final: final.get(), mine };
console.log(seen);
stop();
client.close();
await sync.close();

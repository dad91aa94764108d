/** A kind of one's own: seats that one person at a time can have. Two people want the same one, and one is told so. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineTopic, isSyncError, SyncError } from "sente-sync";
import { createClient, topic as topicOn } from "sente-sync/client";
import { fold } from "sente-sync/kinds";
import { createServer, topic } from "sente-sync/server";
import { folder } from "sente-sync/storage/folder";
import { kindLaws } from "sente-sync/testing";
import * as v from "valibot";

// #region kind
type Seats = Readonly<Record<string, string>>; // who has which seat
type SeatOp = { take: string } | { free: string };
type Change = readonly [seat: string, holder: string | null];
const empty: Seats = {};

export const seating = fold({
  initial: empty,
  decide(seats, op: SeatOp, { user }): Change {
    const { id } = (user ?? { id: "the desk" }) as { id: string };
    const seat = "take" in op ? op.take : op.free;
    const holder = seats[seat];
    if ("take" in op ? holder : holder !== id) throw new SyncError("app/not-yours", `${seat} is ${holder ?? "nobody"}'s.`);
    return [seat, "take" in op ? id : null];
  },
  evolve(seats, [seat, holder]: Change) {
    const { [seat]: _before, ...others } = seats;
    return holder === null ? others : { ...others, [seat]: holder };
  },
  op: v.union([v.object({ take: v.string() }), v.object({ free: v.string() })]), // any Standard Schema, or none
});

export const flight = defineTopic("flight/:number", seating);
// #endregion

const path = await mkdtemp(join(tmpdir(), "own-kinds-"));

// #region server
const sync = createServer({
  storage: folder(path), // it is on disk there, unless `durability` says otherwise
  authenticate: ({ url }) => ({ id: url.searchParams.get("user") ?? "guest" }),
});
const flights = topic(sync, flight, {
  authorize: ({ action, user }) => action === "read" || user.id !== "guest",
  seed: () => ({ take: "1A" }), // the operation that a new flight begins with
  validate({ state, user }) {
    const own = Object.values(state).filter((holder) => holder === user?.id);
    if (own.length > 2) throw new SyncError("app/too-many", "Two each, please.");
  },
});
// #endregion

const port = await sync.listen(0);
const connect = (user: string) => createClient(`ws://localhost:${port}/chsk?user=${user}`);
const [client, other] = [connect("ada"), connect("bob")];

// #region client
const seats = topicOn(client, flight({ number: "LH400" }));
seats.subscribe((value, change) => console.log(value, change?.cause));
await seats.ready;

const receipt = seats.send({ take: "12A" }); // on the screen now
console.log(seats.pending); // 1: the server has not answered
await receipt.stored; // it has decided
// #endregion

const bob = topicOn(other, flight({ number: "LH400" }));
bob.keep();
await bob.ready;
const bobs = bob.get();

// #region here
const codes: unknown[] = [];
try {
  bob.send({ take: "12A" });
} catch (error) {
  codes.push(isSyncError(error) && error.code); // "app/not-yours": it was not even sent
}
// #endregion

// #region race
const [first, second] = [seats.send({ take: "14C" }), bob.send({ take: "14C" })]; // both see a free seat
const outcomes = await Promise.allSettled([first.stored, second.stored]);
console.log(outcomes.map(({ status }) => status)); // one of each, and everybody sees whose it is
// #endregion
for (const handle of [seats, bob]) {
  await new Promise<void>((resolve) => handle.subscribe((value) => value?.["14C"] && resolve()));
}

// #region server-sends
const lh400 = await flights.open({ number: "LH400" });
lh400.send({ free: "1A" }); // `user` is null; what rejects it is thrown here
console.log(lh400.get()["1A"]); // undefined
// #endregion

// #region dice
const none: readonly number[] = [];
const thrown = fold({
  initial: none,
  decide: (_thrown, op: { sides: number }, { nowMs }) => 1 + (nowMs % op.sides), // the server's clock, so the server's word
  predict: () => undefined, // a page cannot know: it shows nothing until it is told
  evolve: (before, eyes: number) => [...before, eyes],
});
// #endregion

// #region laws
const letters = ["A", "B", "C"];
const laws = kindLaws({
  ...seating,
  op(random): SeatOp {
    const seat = letters[Math.floor(random() * 3)] as string;
    return random() < 0.6 ? { take: seat } : { free: seat };
  },
});
for (const { run } of laws) await run(); // or under a test runner: test(name, run)
// #endregion

const dice = topic(sync, defineTopic("dice", thrown));
await dice.ready;
dice.send({ sides: 6 });

export const seen = {
  bobs,
  codes,
  rejected: outcomes.flatMap((outcome) => (outcome.status === "rejected" ? outcome.reason.code : [])),
  agree: new Set([seats, bob, lh400].map((handle) => handle.get()?.["14C"])).size === 1,
  desk: lh400.get()["1A"],
  eyes: dice.get().length,
  laws: laws.length,
};
client.close();
other.close();
await sync.close();
await rm(path, { recursive: true });

/**
 * The server of the matrix: all that it does it is asked for over the wire, so that it may live in another process.
 *
 * Always: the same whatever the transport; `cut` ends the connections at once, from the server's side.
 */
import { defineAtom, defineChannel, SyncError, type } from "sente-sync";
import { atom, channel, createServer, type Server, type ServerOptions } from "sente-sync/server";
import { noise } from "./packers.ts";

export const counter = defineAtom("matrix/counter", { initial: { n: 0, seen: [] as number[] } });
export const large = defineAtom("matrix/large", { initial: "" });
const nothing: unknown = null;
export const anything = defineAtom("matrix/anything", { initial: nothing });
export const room = defineChannel("matrix/room/:id", { events: { said: type<unknown>() } });

export const largeLength = 200_000;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export type HouseOptions = Pick<ServerOptions, "packer" | "packers">;

export function createHouse(options: HouseOptions, cut: () => void = () => {}): Server {
  const sync = createServer({
    ...options,
    authenticate: ({ url }) => ({ id: url.searchParams.get("name") ?? "nobody" }),
    // A handler that fails is a part of the suite.
    onError() {},
  });
  const counts = atom(sync, counter);
  const text = atom(sync, large);
  const value = atom(sync, anything);
  const rooms = channel(sync, room);
  const say = async (id: string, what: readonly unknown[]): Promise<void> => {
    const { publish } = await rooms.open({ id });
    for (const each of what) publish("said", each);
  };
  const count = async (times: number): Promise<void> => {
    for (let i = 0; i < times; i++) {
      counts.update((draft) => void draft.seen.push(++draft.n));
      await turn();
    }
  };

  sync.on("matrix/echo", ({ data }) => data);
  sync.on("matrix/refuse", () => {
    throw new SyncError("app/taken", "Taken already", { data: { by: "ada" } });
  });
  sync.on("matrix/fail", () => {
    throw new Error("a secret");
  });
  sync.on("matrix/note", ({ data, peer }) => peer.send("matrix/noted", data));
  sync.on("matrix/push", ({ data, user }) => {
    for (let i = 0; i < (data as number); i++) {
      if (i % 2) sync.broadcast("matrix/pushed", i);
      else sync.send(user.id, "matrix/pushed", i);
    }
  });
  sync.on("matrix/count", ({ data }) => count(data as number));
  sync.on("matrix/grow", () => text.set(noise(largeLength)));
  sync.on("matrix/set", ({ data }) => value.set(data));
  sync.on("matrix/say", ({ data }) => {
    const { id, what } = data as { readonly id: string; readonly what: readonly unknown[] };
    return say(id, what);
  });
  sync.on("matrix/cut", async ({ data }) => {
    cut();
    // While nobody is there to hear it.
    counts.update((draft) => void draft.seen.push(++draft.n));
    await say("cut", data as readonly unknown[]);
  });
  sync.on("matrix/leave", ({ user }) => sync.disconnect({ user: user.id }));
  return sync;
}

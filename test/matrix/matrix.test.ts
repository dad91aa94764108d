/**
 * Every transport with every packer, from end to end and by public names: one suite, and each pair says the same.
 * A new transport is a line in world.ts, a new packer one in packers.ts.
 */
import { equalValues, isSyncError } from "sente-sync";
import { atom, type Client, channel, createClient, upgrade } from "sente-sync/client";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { realTime } from "../../src/testing/contracts/transport-world.ts";
import { read } from "../support/sources.ts";
import { anything, counter, large, largeLength, room } from "./house.ts";
import { afterPackers, createPacker, everyKind, noise, packerNames } from "./packers.ts";
import { transports, type World } from "./world.ts";

const { until } = realTime;
/** A server takes 1 MiB. */
const tooLarge = noise(1_100_000);
const upTo = (count: number, first = 1): number[] => Array.from({ length: count }, (_, i) => first + i);

for (const [transportName, open] of Object.entries(transports)) {
  const outlives = transportName !== "stdio";
  describe.each(packerNames)(`${transportName}, %s`, (packerName) => {
    let world: World;
    let client: Client;
    const lost: string[] = [];
    const resumed: boolean[] = [];

    beforeAll(async () => {
      world = await open({ packer: createPacker(packerName) });
      const { url, connector } = world;
      client = createClient(`${url}?name=ada`, { connector, packer: createPacker(packerName) });
      client.on("disconnect", ({ reason }) => {
        lost.push(reason);
        // Its first try comes within a second; here it comes now.
        client.reconnect();
      });
      client.on("resume", ({ recovered }) => void resumed.push(recovered));
    });

    afterAll(async () => {
      client.close();
      await world.close();
    });

    test("a value of every kind goes there and back", async () => {
      const reply = await client.request("matrix/echo", everyKind(), { timeoutMs: 60_000 });
      expect(reply, "the reply").toSatisfy((value) => equalValues(value, afterPackers(packerName)));
      expect([client.status.get(), client.user.get()]).toMatchObject([
        { name: "connected", transport: world.name },
        { id: "ada" },
      ]);
    });

    test("a refusal comes with its code and data, and a failure tells no secret", async () => {
      await expect(client.request("matrix/refuse", null)).rejects.toMatchObject({ code: "app/taken", data: { by: "ada" } });
      await expect(client.request("matrix/fail", null)).rejects.toMatchObject({
        code: "handler-failed",
        message: expect.not.stringContaining("secret"),
      });
      await expect(client.request("matrix/nowhere", null)).rejects.toMatchObject({ code: "unhandled-event" });
    });

    test("what is sent arrives on both sides, in order", async () => {
      const noted: unknown[] = [];
      client.on("matrix/noted", ({ data }) => void noted.push(data));
      const sent = [everyKind(), ...upTo(20)];
      expect(new Set(sent.map((each) => client.send("matrix/note", each)))).toEqual(new Set(["ok"]));
      await until(() => noted.length === sent.length);
      expect(noted.slice(1)).toEqual(upTo(20));
      expect(equalValues(noted[0], afterPackers(packerName))).toBe(true);
    });

    test("pushes to the user and to all come in the order in which they were made", async () => {
      const pushed: unknown[] = [];
      client.on("matrix/pushed", ({ data }) => void pushed.push(data));
      await client.request("matrix/push", 20);
      await until(() => pushed.length === 20);
      expect(pushed).toEqual(upTo(20, 0));
    });

    test("an atom: a snapshot for who comes late, then every update, in order", async () => {
      await client.request("matrix/count", 3);
      const replica = atom(client, counter);
      const counts: number[] = [];
      replica.subscribe((value) => value && counts.push(value.n));
      expect(await replica.ready).toEqual({ n: 3, seen: [1, 2, 3] });
      await client.request("matrix/count", 50);
      await until(() => replica.get()?.n === 53);
      expect(replica.get()?.seen).toEqual(upTo(53));
      // Updates of one turn may be one change, but none comes twice or late.
      expect(counts[0]).toBe(3);
      expect(counts).toEqual([...new Set(counts)].sort((a, b) => a - b));
      replica.close();
    });

    test("a large snapshot comes whole, and so does a message just within the limit", async () => {
      await client.request("matrix/grow", null);
      const replica = atom(client, large);
      // Not toBe: it would print it.
      expect((await replica.ready) === noise(largeLength)).toBe(true);
      replica.close();
      const text = tooLarge.slice(0, 1_000_000);
      expect((await client.request("matrix/echo", text, { timeoutMs: 60_000 })) === text).toBe(true);
    });

    test("a channel: what was said before, then what is published, each with its receipt", async () => {
      await client.request("matrix/say", { id: "history", what: upTo(3) });
      const talk = channel(client, room({ id: "history" }));
      const heard: unknown[] = [];
      talk.subscribe(({ data, offset }) => heard.push([offset, data]), { from: 1, onGap: (gap) => heard.push(gap) });
      const receipts = upTo(20, 4).map((n) => talk.publish("said", n));
      await Promise.all(receipts.map(({ stored }) => stored));
      await until(() => heard.length === 23);
      expect(heard).toEqual(upTo(23).map((n) => [n, n]));
      expect(receipts.map(({ offset }) => offset)).toEqual(upTo(20, 4));
      // Another reader has the end of it.
      const tail: unknown[] = [];
      talk.subscribe(({ data }) => tail.push(data), { from: 20 });
      await until(() => tail.length === 4);
      expect(tail).toEqual(upTo(4, 20));
      talk.close();
    });

    test("a message that is too large is refused, and harms nothing", async () => {
      const before = lost.length;
      await expect(client.request("matrix/echo", tooLarge)).rejects.toMatchObject({ code: "too-large" });
      expect(() => client.send("matrix/note", tooLarge)).toThrow(expect.objectContaining({ code: "too-large" }));
      expect(await client.request("matrix/echo", "still here")).toBe("still here");
      expect(lost.length).toBe(before);
    });

    // A server in a child ends with its connection, and forgets what was said.
    if (outlives) {
      test("a cut: nothing is missing and nothing comes twice, there and back", async () => {
        const replica = atom(client, counter);
        replica.keep();
        const { n } = (await replica.ready) as { n: number };
        const talk = channel(client, room({ id: "cut" }));
        const heard: unknown[] = [];
        const said: unknown[] = [];
        talk.subscribe(({ data, from }) => (from === null ? said : heard).push(data), {
          from: 1,
          onGap: (gap) => heard.push(gap),
        });
        const early = upTo(10).map((n) => talk.publish("said", n));
        await Promise.all(early.map(({ stored }) => stored));
        client.send("matrix/cut", upTo(10, 100));
        // These are under way: whether one was kept that lost its receipt is unknown, but none is kept twice.
        const risky = await Promise.allSettled(upTo(10, 11).map((n) => talk.publish("said", n).stored));
        const late = upTo(10, 21).map((n) => talk.publish("said", n));
        await Promise.all(late.map(({ stored }) => stored));
        await until(() => heard.includes(30) && said.length >= 10);
        expect(said).toEqual(upTo(10, 100));
        expect(heard).toEqual(upTo(30).filter((n) => heard.includes(n)));
        const stored = upTo(30).filter((n) => risky[n - 11]?.status !== "rejected");
        expect(heard).toEqual(expect.arrayContaining(stored));
        for (const each of risky) if (each.status === "rejected") expect(each.reason).toMatchObject({ code: "closed" });
        // One while it was away, and two more.
        await client.request("matrix/count", 2);
        await until(() => replica.get()?.n === n + 3);
        expect(replica.get()?.seen).toEqual(upTo(n + 3));
        expect([lost.length, resumed]).toEqual(world.cut === "lost" ? [1, [true]] : [0, []]);
        talk.close();
        replica.close();
      });
    }

    test("the server's close ends the client's side, and it may come again", async () => {
      const before = lost.length;
      client.send("matrix/leave");
      await until(() => lost.length > before);
      expect(await client.request("matrix/echo", "back")).toBe("back");
    });

    test("the client's close ends both sides", async () => {
      client.close();
      expect(client.status.get().name).toBe("closed");
      await until(() => world.connections() === 0);
      await expect(client.request("matrix/echo", 1)).rejects.toSatisfy((error) => isSyncError(error, "closed"));
    });
  });
}

test("no transport and no packer of the package is left out", () => {
  const published = Object.keys(JSON.parse(read("package.json")).exports);
  const inMatrix = read("test/matrix/world.ts") + read("test/matrix/packers.ts");
  const isLeftOut = (entry: string): boolean => !inMatrix.includes(`from "sente-sync${entry.slice(1)}"`);
  // `sealed` is what gzip and encryption are made with.
  expect(published.filter((entry) => /^\.\/(transports|packers)\//.test(entry)).filter(isLeftOut)).toEqual(["./packers/sealed"]);
});

/** A WebSocket agrees by its subprotocol; memory has none, and the session moves. */
describe.each(["websocket", "memory"])("three clients of one server over %s:", (transportName) => {
  test.each(packerNames)("edn, %s and one more see equal values", async (packerName) => {
    // One of the three cannot splice.
    const names = ["edn", packerName, packerName === "socketio" ? "msgpack" : "socketio"];
    const world = await transports[transportName]!({
      packer: createPacker("edn"),
      packers: packerNames.slice(1).map(createPacker),
    });
    const clients = names.map((name) => {
      const packer = createPacker(name);
      const reads = vi.spyOn(packer, "unpack");
      const { url, connector } = world;
      const client = createClient(`${url}?name=${name}`, { connector, upgrade: upgrade({ packers: [packer] }) });
      const heard: unknown[] = [];
      channel(client, room({ id: "mixed" })).subscribe(({ data }) => heard.push(data));
      return { name, client, reads, heard, replica: atom(client, anything), talk: channel(client, room({ id: "mixed" })) };
    });
    onTestFinished(async () => {
      for (const { client } of clients) client.close();
      await world.close();
    });
    for (const { replica } of clients) replica.keep();
    await Promise.all(clients.map(({ replica }) => replica.ready));
    // Each speaks its own, and has left the connection that it began with. (For edn there is no better one.)
    const moved = (): boolean => clients.every(({ name, reads }) => name === "edn" || reads.mock.calls.length > 0);
    await until(() => moved() && world.connections() === clients.length);
    for (const { reads } of clients) reads.mockClear();

    for (const { client, talk, name } of clients) {
      await client.request("matrix/set", { name, value: everyKind() });
      await talk.publish("said", { name, value: everyKind() }).stored;
      const passed = (to: string): unknown => ({ name, value: afterPackers(name, to) });
      await until(() => clients.every(({ replica }) => (replica.get() as { name?: string } | null)?.name === name));
      for (const { name: to, replica } of clients) {
        expect(equalValues(replica.get(), passed(to)), `the atom, from ${name} to ${to}`).toBe(true);
      }
      await until(() => clients.every(({ heard }) => heard.length > 0));
      for (const { name: to, heard } of clients) {
        expect(equalValues(heard.splice(0), [passed(to)]), `the channel, from ${name} to ${to}`).toBe(true);
      }
    }
    for (const { name, reads } of clients) if (name !== "edn") expect(reads, name).toHaveBeenCalled();
  });
});

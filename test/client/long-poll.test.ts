/** A whole session over long polling, real HTTP and real time: nothing is lost or comes twice, also when it climbs to a WebSocket. */
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { defineAtom, defineChannel, type } from "sente-sync";
import { atom, type Client, type ClientOptions, channel, createClient, senteState, upgrade } from "sente-sync/client";
import { edn } from "sente-sync/packers/edn";
import { gzip } from "sente-sync/packers/gzip";
import { json } from "sente-sync/packers/json";
import { msgpack } from "sente-sync/packers/msgpack";
import { createServer, type Server, type ServerOptions, atom as serveAtom, channel as serveChannel } from "sente-sync/server";
import { createRng } from "sente-sync/testing";
import { type FallbackOptions, fallback } from "sente-sync/transports/fallback";
import { longPoll } from "sente-sync/transports/long-poll";
import { websocket } from "sente-sync/transports/websocket";
import { describe, expect, onTestFinished, test } from "vitest";
import { scriptedFetch, settled } from "../support/scripted-fetch.ts";

const counter = defineAtom("counter", { initial: { n: 0 } });
const room = defineChannel("room", { events: { said: type<string>() } });
const inOrder = (count: number, from = 0): number[] => Array.from({ length: count }, (_, i) => i + from);
/** An atom's readers are told of what came together at once: not every value, but none twice and none older than one before. */
const climbs = (values: readonly number[]): boolean => values.every((value, i) => i === 0 || value > (values[i - 1] as number));
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const within = { timeout: 40_000, interval: 2 };

async function serve(options: ServerOptions = {}) {
  const errors: unknown[] = [];
  const sync = createServer({
    authenticate: ({ url }) => ({ id: url.searchParams.get("uid") ?? "ann" }),
    onError: (error) => void errors.push(error),
    ...options,
  }) as Server;
  const http = createHttpServer();
  const gate = { refusesUpgrades: false };
  // What a proxy does that knows no WebSocket.
  http.on("upgrade", (_, socket) => {
    if (gate.refusesUpgrades) socket.destroy();
  });
  sync.attach(http, { path: "/chsk" });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const value = serveAtom(sync, counter);
  const talk = serveChannel(sync, room);
  const stored: unknown[] = [];
  talk.subscribe(({ data }) => void stored.push(data));
  sync.on("test/echo", ({ data }) => data);
  sync.on("test/slow", async ({ data }) => {
    await sleep(250);
    return data;
  });
  const clients: Client[] = [];
  onTestFinished(async () => {
    for (const client of clients) client.close();
    await sync.close();
    http.close();
    http.closeAllConnections();
  });
  const connect = (clientOptions: ClientOptions = {}): Client => {
    const client = createClient(`ws://127.0.0.1:${(http.address() as AddressInfo).port}/chsk`, {
      connector: longPoll(),
      onError: (error) => void errors.push(error),
      ...clientOptions,
    }) as Client;
    clients.push(client);
    return client;
  };
  return { sync, http, gate, value, talk, stored, errors, connect };
}

const connected = (client: Client): Promise<void> => expect.poll(() => client.status.get().name, within).toBe("connected");

/** Every value that the atom has had here, and every event of the channel. */
function listen(client: Client) {
  const values: number[] = [];
  const said: unknown[] = [];
  const names: string[] = [];
  atom(client, counter).subscribe((value) => void (value && values.push(value.n)));
  channel(client, room).subscribe(({ data }) => void said.push(data));
  client.status.listen((status) => void names.push(`${status.name} ${status.transport ?? ""}`.trim()));
  return { values, said, names };
}

describe("a session", () => {
  test.each([
    ["edn", edn()],
    ["msgpack", msgpack()],
    ["json", json()],
    ["gzip(edn)", gzip(edn())],
  ])("POLL1 the whole of a client works over Ajax, in %s", async (_, packer) => {
    const { sync, value, stored, errors, connect } = await serve({ packer });
    const client = connect({ packer });
    const heard: unknown[] = [];
    const told: unknown[] = [];
    client.on("test/pushed", ({ data }) => void heard.push(data));
    sync.on("test/told", ({ data }) => void told.push(data));
    const { values, said } = listen(client);
    await connected(client);
    expect(client.status.get()).toEqual({ name: "connected", transport: "ajax" });
    expect(senteState(client).get()).toMatchObject({ type: "ajax", open: true, uid: "ann" });
    expect(await client.request("test/echo", { a: [1, "é"] })).toStrictEqual({ a: [1, "é"] });
    expect(client.send("test/told", 1)).toBe("ok");
    const receipt = channel(client, room).publish("said", "hello");
    await receipt.stored;
    expect([stored, receipt.offset]).toEqual([["hello"], 1]);
    await expect.poll(() => told, within).toEqual([1]);
    await expect.poll(() => values, within).toEqual([0]);
    value.set({ n: 1 });
    sync.send("ann", "test/pushed", "to the user");
    sync.broadcast("test/pushed", "to all");
    await expect.poll(() => [values, said, heard], within).toEqual([[0, 1], ["hello"], ["to the user", "to all"]]);
    expect([...sync.connectedUsers.get().ajax]).toEqual(["ann"]);
    client.close();
    await expect.poll(() => sync.stats().connections, within).toBe(0);
    expect(errors).toEqual([]);
  });

  test("POLL14 a server that closes is heard at once, and its client comes back to the next one", async () => {
    const { sync, connect } = await serve();
    const client = connect();
    await connected(client);
    sync.disconnect({ user: "ann" });
    await expect.poll(() => client.status.get().name, within).not.toBe("connected");
    await connected(client);
    expect(await client.request("test/echo", 1)).toBe(1);
  });

  test("POLL3 the client shows the token that the server asks for; without it, it does not get in", async () => {
    const { connect } = await serve({ csrfToken: () => "tok" });
    const refused = connect();
    const client = connect({ connector: longPoll({ csrfToken: "tok" }) });
    expect(await client.request("test/echo", 1)).toBe(1);
    expect(refused.status.get().name).not.toBe("connected");
  });

  test.each([1, 2, 3])(
    "POLL5, POLL11 and POLL12 with exchanges that fail at random (seed %i), 100 updates and 100 events arrive in order, once, on one connection",
    async (seed) => {
      const { value, stored, connect } = await serve({ longPoll: { timeoutMs: 300 } });
      const rng = createRng(seed);
      let failed = 0;
      let isSafe = true;
      const faulty = (async (url: URL, init: RequestInit) => {
        const fate = isSafe ? 1 : rng.next();
        if (fate < 0.12) throw new TypeError(`lost on the way there, ${++failed}`);
        const response = await fetch(url, init);
        if (fate < 0.24) throw new TypeError(`lost on the way back, ${++failed}`);
        return response;
      }) as typeof fetch;
      const client = connect({ connector: longPoll({ fetch: faulty }) });
      const { values, said, names } = listen(client);
      await connected(client);
      await expect.poll(() => values, within).toEqual([0]);
      isSafe = false;
      for (const n of inOrder(100, 1)) {
        value.set({ n });
        channel(client, room).publish("said", `${n}`);
        // However slow the machine is, it takes many exchanges.
        if (n % 3) await sleep(rng.next() * 10);
        else await expect.poll(() => said.length, within).toBe(n);
      }
      const words = inOrder(100, 1).map(String);
      await expect.poll(() => [values.at(-1), stored.length, said.length], within).toEqual([100, 100, 100]);
      await sleep(50);
      expect([climbs(values), stored, said]).toEqual([true, words, words]);
      expect(names.filter((name) => name.startsWith("reconnecting"))).toEqual([]);
      expect(failed).toBeGreaterThan(3);
    },
  );
});

describe("a plain Sente server", () => {
  const greeting = (uid: string): string => `[[:chsk/handshake ["${uid}" nil nil]] nil]`;

  /** A client of a scripted one, which has said its handshake. */
  async function plain() {
    const script = scriptedFetch();
    const errors: unknown[] = [];
    const told: string[] = [];
    const client = createClient("ws://host.example/chsk", {
      connector: longPoll({ fetch: script.fetch }),
      onError: (error) => void errors.push(error),
    });
    onTestFinished(() => client.close());
    for (const name of ["connect", "resume", "disconnect"] as const) client.on(name, () => told.push(name));
    await script.get().answer(200, greeting("ann"));
    await connected(client);
    return { script, client, told, errors };
  }

  test("POLL16 a poll that fails ends nothing, and a handshake that answers a later poll is no other connection", async () => {
    const { script, client, told, errors } = await plain();
    const asked = client.request("test/echo", 1);
    await settled();
    const post = script.post();
    for (const fails of [true, false]) {
      if (fails) await script.get().fail();
      // After a failure the next poll comes a little later.
      await expect.poll(() => script.open.filter(({ method }) => method === "GET").length, within).toBe(1);
      await script.get().answer(200, greeting("bea"));
    }
    await post.answer(200, "[1 nil]");
    expect([await asked, told, client.status.get().name, errors]).toEqual([1, ["connect"], "connected", []]);
    client.reconnect();
    await settled();
    await script.get().answer(200, greeting("bea"));
    await connected(client);
    expect([told, senteState(client).get().uid]).toEqual([["connect", "disconnect", "resume"], "bea"]);
  });

  test("POLL18 and POLL20 a request ends in a timeout when the server says so, and meanwhile others go on", async () => {
    const { script, client } = await plain();
    const slow = client.request("test/slow", null, { timeoutMs: 600_000 });
    const quick = client.request("test/echo", 1);
    await settled();
    const [first, second] = script.open.filter(({ method }) => method === "POST");
    await second?.answer(200, "[1 nil]");
    expect(await quick).toBe(1);
    const outcome = slow.catch((error: unknown) => error);
    await first?.answer(200, "[:chsk/timeout nil]");
    expect(await outcome).toMatchObject({ code: "timeout" });
    expect(client.status.get().name).toBe("connected");
  });
});

describe("falling back and climbing", () => {
  /** A client whose WebSockets are refused until `gate` lets them pass; the network tells of it. */
  async function fallen(options: ClientOptions = {}, more: FallbackOptions = {}) {
    const server = await serve({ packers: [msgpack()] });
    server.gate.refusesUpgrades = true;
    const network = new Set<() => void>();
    const connector = fallback([websocket(), longPoll()], {
      onNetwork(run) {
        network.add(run);
        return () => void network.delete(run);
      },
      ...more,
    });
    const client = server.connect({ connector, ...options });
    const heard = listen(client);
    await connected(client);
    expect(client.status.get().transport).toBe("ajax");
    await expect.poll(() => heard.values, within).toEqual([0]);
    const climb = (): void => {
      server.gate.refusesUpgrades = false;
      for (const run of [...network]) run();
    };
    return { ...server, ...heard, client, climb, network };
  }

  test("FALL1 a WebSocket that is refused at its handshake is no obstacle: the session polls", async () => {
    const { client, sync, stored } = await fallen();
    expect(await client.request("test/echo", 1)).toBe(1);
    await channel(client, room).publish("said", "hello").stored;
    expect([stored, sync.stats().connections]).toEqual([["hello"], 1]);
  });

  test.each<[string, () => ClientOptions]>([
    ["in one packer", () => ({ upgrade: upgrade() })],
    ["after a climb to a better packer", () => ({ upgrade: upgrade({ packers: [msgpack()] }) })],
  ])(
    "FALL7 with upgrade() the session climbs %s: the status stays, what is asked is answered, nothing is lost or doubled",
    async (_, options) => {
      const { client, sync, value, values, said, stored, names, climb, errors } = await fallen(options());
      const slow = client.request("test/slow", "answered", { timeoutMs: 60_000 });
      climb();
      const answers: Promise<unknown>[] = [];
      const words: string[] = [];
      for (let n = 1; n <= 100; n++) {
        value.set({ n });
        words.push(`${n}`);
        channel(client, room).publish("said", `${n}`);
        answers.push(client.request("test/echo", n, { timeoutMs: 60_000 }));
        await sleep(3);
      }
      expect(await slow).toBe("answered");
      expect(await Promise.all(answers)).toEqual(inOrder(100, 1));
      await expect.poll(() => client.status.get(), within).toEqual({ name: "connected", transport: "websocket" });
      await expect.poll(() => [values.at(-1), said.length], within).toEqual([100, 100]);
      await sleep(50);
      expect([climbs(values), said, stored]).toEqual([true, words, words]);
      expect(names.filter((name) => name.startsWith("reconnecting"))).toEqual([]);
      await expect.poll(() => sync.stats().connections, within).toBe(1);
      expect(errors).toEqual([]);
    },
  );

  test("FALL8 without upgrade() it reconnects on the WebSocket that was found, and goes on where it was", async () => {
    const { client, sync, value, values, said, names, climb } = await fallen();
    climb();
    const words: string[] = [];
    const receipts: Promise<unknown>[] = [];
    for (let n = 1; n <= 100; n++) {
      value.set({ n });
      words.push(`${n}`);
      receipts.push(
        channel(client, room)
          .publish("said", `${n}`)
          .stored.catch(() => "unknown"),
      );
      await sleep(3);
    }
    await expect.poll(() => client.status.get(), within).toEqual({ name: "connected", transport: "websocket" });
    const fates = await Promise.all(receipts);
    const sure = words.filter((_, i) => fates[i] !== "unknown");
    await expect.poll(() => [values.at(-1), said.length >= sure.length], within).toEqual([100, true]);
    await sleep(50);
    // None twice, none older than the one before; what was published as the line was lost may or may not be there.
    expect(climbs(values)).toBe(true);
    expect(new Set(said).size).toBe(said.length);
    expect(sure.filter((word) => !said.includes(word))).toEqual([]);
    expect(names.filter((name) => name.startsWith("reconnecting")).length).toBeGreaterThan(0);
    await expect.poll(() => sync.stats().connections, within).toBe(1);
  });

  test("FALL9 a client that is closed looks for nothing more", async () => {
    const { client, network, sync } = await fallen({ upgrade: upgrade() }, { retryMs: 20 });
    client.close();
    expect(network.size).toBe(0);
    await expect.poll(() => sync.stats().connections, within).toBe(0);
  });

  test("FALL4 a client whose server goes away and comes back polls again at once", async () => {
    const { client, sync, values, value } = await fallen({}, { retryMs: 600_000 });
    sync.disconnect({ user: "ann" });
    await expect.poll(() => client.status.get().name, within).not.toBe("connected");
    value.set({ n: 1 });
    await connected(client);
    expect(client.status.get().transport).toBe("ajax");
    await expect.poll(() => values, within).toEqual([0, 1]);
  });
});

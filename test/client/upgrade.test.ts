/** A session that moves to a better packer or transport while everything goes on, and stays where that does not come about. */
import { Keyword } from "sente-sync";
import { atom, channel, createClient, type UpgradeOptions, upgrade } from "sente-sync/client";
import { edn } from "sente-sync/packers/edn";
import { json } from "sente-sync/packers/json";
import { msgpack } from "sente-sync/packers/msgpack";
import { transit } from "sente-sync/packers/transit";
import { createServer, type ServerOptions, atom as serveAtom, channel as serveChannel } from "sente-sync/server";
import { virtualClock } from "sente-sync/testing";
import { longPoll } from "sente-sync/transports/long-poll";
import { memoryConnector } from "sente-sync/transports/memory";
import { websocket } from "sente-sync/transports/websocket";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Connector, ConnectorEvents, Transport } from "../../src/transport/transport.ts";
import type { Packer } from "../../src/wire/packer.ts";
import { counterRef, createMoving, type Link, type Moving, type MovingOptions, roomRef, type Way } from "./moving.ts";
import { startTraffic } from "./traffic.ts";

const packersByName = new Map<string, Packer>([edn(), json(), msgpack(), transit()].map((packer) => [packer.name, packer]));

function packerOf(url: string): Packer {
  const name = new URL(url).searchParams.get("packers") ?? "edn";
  return packersByName.get(name) as Packer;
}

/** What passed on a link, unpacked. */
function said({ url, frames }: Link, way: Way): unknown[] {
  return frames.flatMap((frame) => (frame.way === way ? [packerOf(url).unpack(frame.data)] : []));
}

const named = (name: string): Keyword => new Keyword(name);
const offers = ({ tap }: Moving): number =>
  tap.links.flatMap(({ frames }) => frames).filter(({ data }) => String(data).includes("packer-capabilities")).length;

describe("with everything under way", () => {
  async function traffic(options: MovingOptions, start: (world: Moving) => void) {
    const world = createMoving(options);
    const under = startTraffic(world, 60);
    await world.advance(12);
    const user = world.client.user.get();
    start(world);
    await world.advance(3000);
    under.check();
    under.checkWhole();
    return { world, under, user };
  }

  test.each([
    ["msgpack", () => msgpack()],
    ["transit", () => transit()],
    ["json", () => json()],
  ])(
    "UP1, UP3, UP7 and MOVE5 to %s: order kept, nothing lost, nothing doubled, and one connection is left",
    async (name, create) => {
      const { world, user } = await traffic({ packers: [create()] }, () => {});
      const [old, fresh, ...others] = world.tap.links as [Link, Link];
      expect([others, old.isOver, fresh.isOver, world.network.openLinks]).toEqual([[], true, false, 1]);
      const [before, after] = [new URL(old.url), new URL(fresh.url)];
      expect(Object.fromEntries(after.searchParams)).toEqual({
        ...Object.fromEntries(before.searchParams),
        packers: name,
        move: "1",
      });
      const up = said(old, "up");
      expect(up).toContainEqual([[named("chsk/packer-capabilities"), { supported: [named(name), named("edn")] }], null]);
      expect([up.at(-1), said(old, "down").at(-1)]).toEqual([
        [[named("sync/move")], null],
        [[[named("sync/moved")]], null],
      ]);
      expect(said(fresh, "up").length).toBeGreaterThan(20);
      // The same user and session, and nothing was noticed.
      expect([world.client.user.get(), world.sync.stats().sessions, world.sync.stats().connections]).toEqual([user, 1, 1]);
      expect([world.statuses, offers(world), world.errors]).toEqual([["connected first"], 1, []]);
      expect(await world.close()).toBe("idle");
    },
  );

  test("MOVE8 and MOVE13 to a better transport: the status stays, its transport changes, no topic goes stale", async () => {
    const facts: string[] = [];
    const { world } = await traffic({}, ({ tap, client }) => {
      for (const fact of ["resume", "disconnect"] as const) client.on(fact, () => void facts.push(fact));
      atom(client, counterRef).status.listen((status) => void facts.push(status));
      tap.climb();
    });
    expect(world.statuses).toEqual(["connected first", "connected better"]);
    expect([facts, world.tap.links.map(({ isOver }) => isOver), world.network.openLinks]).toEqual([[], [true, false], 1]);
    expect(await world.close()).toBe("idle");
  });

  test("MOVE13 and MOVE14 to a better transport that is found while it moves to a better packer: one move after the other", async () => {
    const { world } = await traffic({ packers: [msgpack()] }, ({ tap }) => {
      tap.climb();
      tap.climb();
    });
    // In its own packer on the better transport, and from there to the better packer again.
    expect(world.statuses).toEqual(["connected first", "connected better", "connected first"]);
    const left = world.tap.links.filter(({ isOver }) => !isOver);
    expect(left.map(({ url }) => packerOf(url).name)).toEqual(["msgpack"]);
    expect([world.network.openLinks, world.sync.stats().connections, world.errors]).toEqual([1, 1, []]);
    expect(await world.close()).toBe("idle");
  });
});

describe("who offers what", () => {
  const quietly = async (options: MovingOptions): Promise<Moving> => {
    const world = createMoving(options);
    await world.advance(2000);
    expect([world.client.status.get().name, world.tap.links.length]).toEqual(["connected", 1]);
    return world;
  };

  test("UP1 a client without better packers, and one that speaks one already, offer nothing", async () => {
    expect(offers(await quietly({}))).toBe(0);
    const packer = msgpack();
    expect(offers(await quietly({ packers: [packer], server: { packer }, client: { packer } }))).toBe(0);
  });

  test("UP1 and UP6 a server that has none of them agrees on EDN: everything stays as it is, and is asked again on the next line", async () => {
    const world = await quietly({ packers: [msgpack()], serverPackers: [json()] });
    expect(offers(world)).toBe(1);
    world.client.reconnect();
    await world.advance(2000);
    expect([offers(world), world.tap.links.length]).toEqual([2, 2]);
    world.sync.on("app/echo", ({ data }) => data);
    const echoed = world.client.request("app/echo", "here" as never);
    await world.advance(10);
    expect(await echoed).toBe("here");
  });

  test("UP1 of several the server's favourite is moved to, and the others are not offered any more", async () => {
    const world = createMoving({ packers: [transit(), msgpack()], serverPackers: [json(), msgpack(), transit()] });
    await world.advance(3000);
    expect([offers(world), world.tap.links.map(({ url }) => packerOf(url).name)]).toEqual([1, ["edn", "msgpack"]]);
  });
});

describe("what comes to nothing before it begins", () => {
  test.each(["refused", "silent"] as const)(
    "UP5 and UP6 a new connection that is %s changes nothing, and is tried again on the next line only",
    async (how) => {
      const world = createMoving({ packers: [msgpack()] });
      world.sync.on("app/echo", ({ data }) => data);
      world.tap.onFrame = ({ url }) => void (world.tap.opens = url.includes("move=1") ? "through" : how);
      await world.advance(6000);
      const asked = world.client.request("app/echo", 1 as never);
      await world.advance(10);
      expect([await asked, world.statuses]).toEqual([1, ["connected first"]]);
      expect([offers(world), world.tap.links.filter(({ isOver }) => !isOver).length]).toEqual([1, 1]);
      await world.advance(30_000);
      expect(world.sync.stats().connections).toBe(1);

      world.tap.onFrame = () => {};
      world.tap.opens = "through";
      world.client.reconnect();
      await world.advance(3000);
      expect([offers(world), world.tap.links.at(-1)?.url]).toEqual([2, expect.stringContaining("packers=msgpack")]);
      expect(await world.close()).toBe("idle");
    },
  );
});

interface End {
  readonly url: string;
  readonly heard: unknown[];
  readonly closes: { readonly code: number; readonly reason: string }[];
  /** `packer`: another one than was asked for. */
  say(value: unknown, packer?: Packer): void;
  push(name: string, data?: unknown): void;
  /** The handshake of a server of ours. */
  greet(packer?: Packer): void;
  /** Answers what it was asked first under that name. */
  answer(name: string, value: unknown): void;
  close(): void;
  drop(): void;
}

const welcome = { session: "s1", token: "t1", replica: "r1", resumed: false, boot: "b1", limits: {}, user: { id: "ann" } };

function callbackOf({ heard }: Pick<End, "heard">, name: string): unknown {
  return (heard as [event: [name: unknown], callback: unknown][]).find(([[id]]) => `${id}` === `:${name}`)?.[1];
}

function createEnd(transport: Transport, url: string): End {
  const packer = packerOf(url);
  const heard: unknown[] = [];
  const closes: End["closes"][number][] = [];
  transport.handlers = {
    onFrame: (data) => void heard.push(packer.unpack(data)),
    onClose: (code, reason) => void closes.push({ code, reason }),
  };
  const say: End["say"] = (value, by = packer) => void transport.send({ data: by.pack(value), text: !by.binary });
  return {
    url,
    heard,
    closes,
    say,
    push: (name, ...data) => say([[[named(name), ...data]], null]),
    greet: (by) => say([[named("chsk/handshake"), ["ann", null, null, { v: 1 }]], null], by),
    answer: (name, value) => say([value, callbackOf({ heard }, name)]),
    close: () => transport.close(1000, ""),
    drop: () => transport.terminate(),
  };
}

/** What a connector does that finds a better way: it offers it with its first frame. */
function offerBetter(way: Connector, url: string, { onBetter }: ConnectorEvents): void {
  const onOpen = (opened: Transport): void => {
    const onFrame = (data: string | Uint8Array): void => onBetter?.(opened, () => opened.handlers.onFrame(data));
    opened.handlers = { onFrame, onClose() {} };
  };
  way.open(url, { onFail() {}, onOpen });
}

/** A client whose server is written by hand: each connection in the packer that its URL asks for. */
async function byHand({ packers = [msgpack(), json()], ...options }: UpgradeOptions = {}) {
  const clock = virtualClock({ seed: 1 });
  const env = clock.envFor("here");
  const ends: End[] = [];
  let newest: ConnectorEvents | undefined;
  const inner = memoryConnector((transport, url) => void ends.push(createEnd(transport, url)), env);
  const connector: Connector = {
    name: "memory",
    open(url, events) {
      newest = events;
      return inner.open(url, events);
    },
  };
  const errors: unknown[] = [];
  const client = createClient("memory://server/chsk", {
    env,
    connector,
    upgrade: upgrade({ packers, moveTimeoutMs: 1500, ...options }),
    reconnect: { maxDelayMs: 100 },
    onError: (error) => void errors.push(error),
  });
  const pushes: unknown[] = [];
  client.on("app/n", ({ data }) => void pushes.push(data));
  const settle = async (ms = 0): Promise<void> => void (await clock.advance(ms));
  await settle();
  const first = ends[0] as End;
  onTestFinished(async () => {
    client.close();
    expect(await clock.advance(30_000)).toBe("idle");
  });
  const world = {
    client,
    clock,
    ends,
    first,
    errors,
    pushes,
    settle,
    /** A better transport, whose first frame is the one that is given. */
    async better(greeting: (end: End) => void): Promise<End> {
      offerBetter(inner, "memory://server/chsk?move=1", newest as ConnectorEvents);
      await settle();
      const end = ends.at(-1) as End;
      greeting(end);
      await settle();
      return end;
    },
    /** Handshake and hello of the first connection. */
    async enter(): Promise<void> {
      first.greet();
      await settle();
      first.answer("sync/hello", welcome);
      await settle();
    },
    /** The connection that an agreement on that packer brings about. */
    async agree(name = "msgpack"): Promise<End> {
      first.push("chsk/packer-agreement", { "chosen-packer": named(name) });
      await settle();
      return ends.at(-1) as End;
    },
    /** A move that has begun. */
    async begin(): Promise<End> {
      await world.enter();
      const end = await world.agree();
      end.greet();
      await settle();
      return end;
    },
    /** The server's half. */
    async finish(end: End): Promise<void> {
      first.push("sync/moved");
      end.answer("sync/hello", { ...welcome, resumed: true, moved: true });
      await settle();
    },
  };
  return world;
}

const helloMove = [
  [named("sync/hello"), { v: 1, session: "s1", token: "t1", binary: true, late: true, move: true }],
  expect.any(String),
];

test.each(["transit", "edn", "smoke"])(
  "UP4 an agreement on %s, which is spoken already or was not offered, changes nothing",
  async (name) => {
    const { ends, enter, agree, client } = await byHand();
    await enter();
    await agree(name);
    expect([ends.length, client.status.get().name]).toEqual([1, "connected"]);
  },
);

test("UP4 an agreement before hello is answered, or while a move is under way, or on what is spoken by then, changes nothing", async () => {
  const { first, ends, agree, finish, settle } = await byHand();
  first.greet();
  await settle();
  await agree();
  expect(ends).toHaveLength(1);
  first.answer("sync/hello", welcome);
  await settle();
  const end = await agree();
  await agree("json");
  expect(ends).toHaveLength(2);
  end.greet();
  await settle();
  await agree("json");
  await finish(end);
  end.push("chsk/packer-agreement", { "chosen-packer": named("msgpack") });
  await settle();
  expect(ends).toHaveLength(2);
});

test.each<[string, (end: End) => void]>([
  ["closes", (end) => end.close()],
  ["breaks", (end) => end.drop()],
  ["is of a plain Sente server", (end) => end.say([[named("chsk/handshake"), ["ann", null, null]], null])],
  ["speaks another packer", (end) => end.greet(edn())],
  ["says something else first", (end) => end.push("app/n", 1)],
  ["says nothing", () => {}],
])("UP5, UP6 and MOVE9 a new connection that %s is dropped, and the session goes on as it was", async (_, fail) => {
  const { client, first, ends, pushes, enter, agree, settle } = await byHand();
  await enter();
  const end = await agree();
  fail(end);
  await settle(1600);
  expect(end.closes).toHaveLength(1);
  first.push("app/n", 2);
  client.send("app/here");
  await settle(5000);
  expect([client.status.get().name, ends.length, pushes]).toEqual(["connected", 2, [2]]);
  // It has not begun: neither side said a marker.
  expect([first.heard.at(-1), end.heard, first.closes]).toEqual([[[named("app/here")], null], [], []]);
});

test("MOVE3 the marker is last on the old connection; hello is first on the new one, and everything follows there", async () => {
  const { client, first, begin, settle } = await byHand();
  const end = await begin();
  client.send("app/a", 1);
  void client.request("app/b", 2).catch(() => {});
  await settle();
  expect(first.heard.at(-1)).toEqual([[named("sync/move")], null]);
  expect(end.heard).toEqual([helloMove, [[named("app/a"), 1], null], [[named("app/b"), 2], expect.any(String)]]);
});

test("MOVE6 what comes on the new connection is held until the server's marker has come on the old one", async () => {
  const { client, first, pushes, begin, finish, settle } = await byHand();
  const end = await begin();
  end.push("app/n", 3);
  await settle();
  first.push("app/n", 1);
  first.push("app/n", 2);
  await settle();
  expect([pushes, first.closes]).toEqual([[1, 2], []]);
  await finish(end);
  expect([pushes, client.status.get().name]).toEqual([[1, 2, 3], "connected"]);
  expect(first.closes).toEqual([{ code: 1000, reason: "CLOSE_NORMAL" }]);
  end.push("app/n", 4);
  await settle(20_000);
  expect([pushes, end.closes.length]).toEqual([[1, 2, 3, 4], 0]);
});

test("MOVE6 and MOVE7 requests that were sent on the old connection are answered on either", async () => {
  const { client, first, enter, agree, finish, settle } = await byHand();
  await enter();
  const asked = [client.request("app/a", 1), client.request("app/b", 2)];
  const end = await agree();
  end.greet();
  await settle();
  first.answer("app/a", "old");
  await settle();
  end.say(["new", callbackOf(first, "app/b")]);
  await finish(end);
  expect(await Promise.all(asked)).toEqual(["old", "new"]);
});

test("MOVE9 when the old connection is lost before the marker was said, the new one is dropped with it", async () => {
  const { client, first, ends, enter, agree, settle } = await byHand();
  await enter();
  const end = await agree();
  first.drop();
  await settle();
  expect([end.closes.length, client.status.get().name]).toEqual([1, "reconnecting"]);
  await settle(1000);
  expect([ends.length, ends[2]?.url]).toEqual([3, first.url]);
});

test.each<[string, (world: Awaited<ReturnType<typeof byHand>>, end: End) => void]>([
  ["the old connection ends", ({ first }) => first.drop()],
  ["the old connection is closed", ({ first }) => first.close()],
  ["the new connection ends", (_, end) => end.drop()],
  ["the server's marker does not come", () => {}],
  [
    "the answer to hello does not say that it moved",
    ({ first }, end) => {
      first.push("sync/moved");
      end.answer("sync/hello", { ...welcome, resumed: true });
    },
  ],
])("MOVE10 when %s, both connections are dropped, and the next line resumes", async (_, fail) => {
  const world = await byHand();
  const { client, first, ends, errors, begin, settle } = world;
  const end = await begin();
  const asked = client.request("app/a", 1);
  asked.catch(() => {});
  await settle();
  fail(world, end);
  // The time of the move, and the longest wait for the next try.
  await settle(1500);
  await expect(asked).rejects.toMatchObject({ code: "closed" });
  await settle(1000);
  expect([first.closes.length, end.closes.length, ends.length]).toEqual([1, 1, 3]);
  const next = ends[2] as End;
  next.greet();
  await settle();
  expect(next.url).toBe(first.url);
  expect(next.heard[0]).toEqual([
    [named("sync/hello"), { v: 1, session: "s1", token: "t1", binary: false, late: true }],
    expect.any(String),
  ]);
  next.answer("sync/hello", { ...welcome, resumed: true });
  await settle();
  expect([client.status.get().name, errors]).toEqual(["connected", []]);
});

test.each<[string, (end: End) => void]>([
  ["of a plain Sente server", (end) => end.say([[named("chsk/handshake"), ["ann", null, null]], null])],
  ["something else", (end) => end.push("app/n", 1)],
])("MOVE13 a better transport whose first word is %s is dropped", async (_, greeting) => {
  const { client, first, enter, better, settle } = await byHand({ packers: [] });
  await enter();
  const end = await better(greeting);
  await settle(5000);
  expect([end.closes.length, end.heard, first.closes, client.status.get().name]).toEqual([1, [], [], "connected"]);
});

test("MOVE13 a better transport waits until hello is answered, and gives way to a newer one", async () => {
  const { first, ends, better, finish, settle } = await byHand({ packers: [] });
  first.greet();
  await settle();
  const early = await better((end) => end.greet());
  const newer = await better((end) => end.greet());
  expect([early.closes.length, newer.closes.length, newer.heard]).toEqual([1, 0, []]);
  first.answer("sync/hello", welcome);
  await settle();
  expect(first.heard.at(-1)).toEqual([[named("sync/move")], null]);
  expect(newer.heard).toHaveLength(1);
  await finish(newer);
  expect([first.closes.length, newer.closes.length, ends.length]).toEqual([1, 0, 3]);
});

test("MOVE13 a better transport that waits is dropped with the line", async () => {
  const { client, first, better, settle } = await byHand({ packers: [] });
  first.greet();
  await settle();
  const end = await better((greeted) => greeted.greet());
  client.disconnect();
  await settle();
  expect([end.closes.length, first.closes.length]).toEqual([1, 1]);
});

test("UP1 and UP5 a plain Sente server is offered nothing, and heard in EDN", async () => {
  const { client, first, ends, settle, pushes } = await byHand();
  first.say([[named("chsk/handshake"), ["ann", null, null]], null]);
  await settle();
  first.push("app/n", 1);
  client.send("app/here");
  await settle(5000);
  expect([client.status.get().name, pushes, ends.length, first.heard]).toEqual([
    "connected",
    [1],
    1,
    [[[named("app/here")], null]],
  ]);
});

describe("over a real WebSocket", () => {
  const within = { timeout: 40_000, interval: 2 };

  async function serve(options: ServerOptions) {
    const errors: unknown[] = [];
    const sync = createServer({ authenticate: () => ({ id: "ann" }), onError: (error) => void errors.push(error), ...options });
    const port = await sync.listen(0, { host: "127.0.0.1" });
    const opened: Transport[] = [];
    const inner = websocket();
    /** `asks`: for the subprotocols that it should. */
    const connector = (asks: boolean): Connector => ({
      name: inner.name,
      open: (url, { protocols = [], ...events }) =>
        inner.open(url, {
          ...events,
          protocols: asks ? protocols : [],
          onOpen(transport) {
            opened.push(transport);
            events.onOpen(transport);
          },
        }),
    });
    const connect = (asks: boolean, packers: readonly Packer[]) => {
      const client = createClient(`ws://127.0.0.1:${port}/chsk`, { connector: connector(asks), upgrade: upgrade({ packers }) });
      onTestFinished(() => client.close());
      return client;
    };
    onTestFinished(() => sync.close());
    sync.on("app/echo", ({ data }) => data);
    return { sync, port, errors, opened, connect };
  }

  test.each(["msgpack", "transit"])(
    "UP7 and MOVE5 a session moves to %s under load: in order, nothing lost, the old connection gone",
    async (name) => {
      const packer = packersByName.get(name) as Packer;
      const { sync, errors, opened, connect } = await serve({ packers: [packer] });
      const counter = serveAtom(sync, counterRef);
      const room = serveChannel(sync, roomRef);
      const told: unknown[] = [];
      room.subscribe(({ data }) => void told.push(data));
      let unpacked = 0;
      const counting: Packer = {
        ...packer,
        unpack(...args) {
          unpacked++;
          return packer.unpack(...args);
        },
      };
      const client = connect(false, [counting]);
      const statuses: string[] = [];
      client.status.listen((status) => void statuses.push(status.name));
      const values: number[] = [];
      const heard: unknown[] = [];
      atom(client, counterRef).subscribe((value) => void (value && values.push(value.n)));
      channel(client, roomRef).subscribe(({ data }) => void heard.push(data));
      const answers: Promise<unknown>[] = [];
      const numbers = Array.from({ length: 200 }, (_, n) => n);
      for (const n of numbers) {
        counter.set({ n });
        channel(client, roomRef).publish("said", n);
        answers.push(client.request("app/echo", n, { timeoutMs: 60_000 }));
        if (n % 10 === 0) await new Promise((resolve) => void setTimeout(resolve, 1));
      }
      expect(await Promise.all(answers)).toEqual(numbers);
      await expect.poll(() => [values.at(-1), heard.length, opened.length], within).toEqual([199, 200, 2]);
      expect([heard, told]).toEqual([numbers, numbers]);
      expect(values.every((value, at) => at === 0 || value > (values[at - 1] as number))).toBe(true);
      await expect.poll(() => sync.stats().connections, within).toBe(1);
      expect(unpacked).toBeGreaterThan(0);
      expect(await client.request("app/echo", "after")).toBe("after");
      expect([statuses.filter((status) => status === "reconnecting"), errors, sync.stats().sessions]).toEqual([[], [], 1]);
      expect(client.user.get()).toEqual({ id: "ann" });
    },
  );

  test("MOVE7 and MOVE8 from polls to a WebSocket: connectedUsers and the status change, and nobody was away", async () => {
    const told: string[] = [];
    const { sync, port } = await serve({
      onUserOpen: (id) => void told.push(`open ${id}`),
      onUserClose: (id) => void told.push(`close ${id}`),
      onConnect: () => void told.push("connect"),
      onDisconnect: () => void told.push("disconnect"),
    });
    let climb = (): void => {};
    const inner = longPoll();
    const connector: Connector = {
      name: "both",
      open(url, events, format) {
        climb = () => offerBetter(websocket(), `${url}&move=1`, events);
        return inner.open(url, events, format);
      },
    };
    const client = createClient(`ws://127.0.0.1:${port}/chsk`, { connector, upgrade: upgrade() });
    onTestFinished(() => client.close());
    const connected = (): string[][] => [[...sync.connectedUsers.get().ajax], [...sync.connectedUsers.get().ws]];
    await expect.poll(connected, within).toEqual([["ann"], []]);
    expect(await client.request("app/echo", 1)).toBe(1);
    climb();
    await expect.poll(() => client.status.get(), within).toEqual({ name: "connected", transport: "websocket" });
    await expect.poll(() => sync.stats().connections, within).toBe(1);
    expect([connected(), told]).toEqual([
      [[], ["ann"]],
      ["connect", "open ann"],
    ]);
    expect(await client.request("app/echo", 2)).toBe(2);
  });

  test("UP8 a subprotocol that the server has is spoken from the handshake on; nothing is offered, nothing moves", async () => {
    const { sync, opened, connect } = await serve({ packers: [json(), msgpack()] });
    const client = connect(true, [transit(), msgpack(), json()]);
    expect(await client.request("app/echo", 1)).toBe(1);
    expect(opened.map(({ protocol }) => protocol)).toEqual(["sente-sync.msgpack"]);
    expect(sync.stats()).toMatchObject({ connections: 1, malformed: 0, unhandledEvents: 0, messagesIn: 2 });
  });

  test("UP8 a server that has none of them names none: the connection speaks EDN, and is asked in it", async () => {
    const { sync, opened, connect } = await serve({ packers: [json()] });
    const client = connect(true, [transit()]);
    expect(await client.request("app/echo", 1)).toBe(1);
    await expect.poll(() => sync.stats().messagesIn, within).toBe(3);
    expect([opened.length, opened[0]?.protocol, sync.stats().connections]).toEqual([1, "", 1]);
  });
});

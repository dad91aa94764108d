/** Foreign Sente peers, written in ClojureScript, against our server and our client over a real WebSocket. */
import { defineAtom, Keyword, keyword, List, Sym, Uuid } from "sente-sync";
import { atom, type Client, createClient, senteState } from "sente-sync/client";
import { createServer } from "sente-sync/server";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { serve } from "./our-server.ts";
import { echoed, pushed, senteKinds, startClient, startServer, stopClient } from "./peer.ts";

describe("our server and a ClojureScript client", () => {
  test("HAND1, HAND3 a client hears the handshake first, with the user's id and data, in three elements", async () => {
    const { sync, open } = await serve({ handshakeData: () => ({ hello: "world", at: new Date(0) }) });
    let clientId = "";
    sync.on("test/who", ({ peer }) => {
      ({ clientId } = peer);
    });
    const peer = open("ws", '{:params {:uid "gus"}}');
    const handshake = await peer.next();
    peer.tell("[:request 1 [:test/who]]");
    expect(await peer.next()).toBe("[:reply 1 nil]");
    expect(handshake).toBe(
      `[:handshake ["gus" nil {:hello "world", :at #inst "1970-01-01T00:00:00.000-00:00"}] true "${clientId}"]`,
    );
  });

  test("HAND3 a client that nobody knows is told Sente's word for it, and data that is nil", async () => {
    const sync = createServer();
    onTestFinished(() => sync.close());
    const peer = startClient("ws", await sync.listen(0, { host: "127.0.0.1" }));
    onTestFinished(() => stopClient(peer));
    expect(await peer.next()).toMatch(/^\[:handshake \[:sente\/nil-uid nil nil\] true "/);
  });

  test("REPLY1 every kind of value that a client asks with comes back equal, as it prints it", async () => {
    const { connect } = await serve();
    const peer = await connect("ws");
    for (const [index, text] of echoed.entries()) peer.tell(`[:echo ${index} ${text}]`);
    for (const [index, text] of echoed.entries()) expect(await peer.next()).toBe(`[:echo ${index} true ${text}]`);
    // Equal to nothing, itself included.
    peer.tell("[:echo :nan ##NaN]");
    expect(await peer.next()).toBe("[:echo :nan false ##NaN]");
  });

  test("EVENT1, WRAP1 events arrive in order, whatever data they carry, and with one element in the wrapper", async () => {
    const { told, connect } = await serve();
    const peer = await connect("ws");
    peer.tell("[:send [:test/told]]");
    peer.tell('[:send [:test/told {:id 1 :user/name "ann" :tags #{:a/b "c"} :at #inst "1970-01-01" :seq (1 sym)}]]');
    peer.tell('[:send [:test/told #:user{:id 1 :name "ann"}]]');
    peer.tell('[:send [:test/told {"id" 1 [2] #uuid "24f6e0aa-0000-4000-8000-000000000001"}]]');
    peer.tell('[:raw "[[:test/told 5]]"]');
    peer.tell("[:echo :end nil]");
    expect(await peer.next()).toBe("[:echo :end true nil]");
    expect(told).toStrictEqual([
      null,
      {
        "id": 1,
        "user/name": "ann",
        "tags": new Set([keyword("a/b"), "c"]),
        "at": new Date(0),
        "seq": new List([1, new Sym("sym")]),
      },
      { "user/id": 1, "user/name": "ann" },
      new Map<unknown, unknown>([
        ["id", 1],
        [[2], new Uuid("24f6e0aa-0000-4000-8000-000000000001")],
      ]),
      5,
    ]);
  });

  test("REPLY1, REPLY3 and REPLY4 a client hears nothing of what has no reply, and a reply before what was pushed with it", async () => {
    const { sync, connect } = await serve();
    let answer = (_: unknown): void => {};
    sync.on("test/late", () => new Promise((resolve) => void (answer = resolve)));
    sync.on("test/fails", () => {
      throw new Error("on purpose");
    });
    sync.on("test/push-n", ({ data, user }) => {
      for (let i = 0; i < (data as number); i++) sync.send((user as { id: string }).id, "test/pushed", i);
      return keyword("ok");
    });
    const peer = await connect("ws");
    const ids = ["late", "fails", "nobody-handles"];
    for (const id of ids) peer.tell(`[:request :${id} [:test/${id}] 300]`);
    for (const id of ids) expect(await peer.next()).toBe(`[:reply :${id} :chsk/timeout]`);
    answer([1]);
    expect(await peer.next()).toMatch(/^\[:unknown-callback "[0-9a-f]{6}" \[1\]\]$/);
    peer.tell("[:request 1 [:test/push-n 3]]");
    expect(await peer.next()).toBe("[:reply 1 :ok]");
    expect(await peer.next()).toBe("[:push [[:test/pushed 0] [:test/pushed 1] [:test/pushed 2]]]");
  });

  test("WRAP2, USER1 pushes reach every client of the user, a broadcast all, each in order", async () => {
    const { sync, connect } = await serve();
    const gus = '{:params {:uid "gus"}}';
    const peers = await Promise.all([connect("ws", gus), connect("ws", gus), connect("ws", '{:params {:uid "ann"}}')]);
    for (let i = 0; i < 3; i++) sync.send("gus", "test/pushed", { i, tags: new Set([keyword("a/b")]) });
    sync.broadcast("test/all");
    await new Promise((resolve) => setImmediate(resolve));
    sync.send("gus", "test/pushed", 1, { flush: true });
    sync.send("ann", "test/pushed", null);
    sync.broadcast("test/all", "end");
    const toGus = [
      ...[0, 1, 2].map((i) => `[:test/pushed {:i ${i}, :tags #{:a/b}}]`),
      "[:test/all]",
      "[:test/pushed 1]",
      '[:test/all "end"]',
    ];
    const heard = await Promise.all(peers.map((peer, index) => pushed(peer, index === 2 ? 3 : 6)));
    expect(heard).toEqual([toGus, toGus, ["[:test/all]", "[:test/pushed nil]", '[:test/all "end"]']]);
    // And nothing that is not a batch.
    expect(peers.flatMap(({ said }) => said.filter((line) => !/^\[:(handshake|push) /.test(line)))).toEqual([]);
  });

  test("EVENT3, WRAP3 what is no event is told as it came, what cannot be read is dropped, and the connection stays", async () => {
    const { sync, told, connect } = await serve();
    const bad: unknown[] = [];
    sync.on("chsk/bad-event", ({ data }) => void bad.push(data));
    const peer = await connect("ws");
    for (const text of ["[[:bare 1] nil]", "[[:test/told 1 2] nil]", '[\\"hello\\" nil]', "[:test/told nil]", "[[:test/told"])
      peer.tell(`[:raw "${text}"]`);
    peer.tell("[:send [:test/told 1]]");
    peer.tell("[:echo 1 nil]");
    expect(await peer.next()).toBe("[:echo 1 true nil]");
    const id = new Keyword("test/told");
    expect(bad).toStrictEqual([[new Keyword("bare"), 1], [id, 1, 2], "hello", id]);
    expect(told).toEqual([1]);
    expect(sync.stats()).toMatchObject({ badEvents: 4, malformed: 1, connections: 1 });
  });

  test("PING1, PING3 an idle client is pinged, and its pongs keep it", async () => {
    const { sync, connect } = await serve({ keepalive: { keepaliveMs: 200, pingTimeoutMs: 3000 } });
    let pongs = 0;
    sync.on("chsk/ws-pong", () => void pongs++);
    const peer = await connect("ws");
    for (let i = 0; i < 2; i++) expect(await peer.next()).toBe("[:ws-ping]");
    await expect.poll(() => pongs).toBeGreaterThanOrEqual(2);
    peer.tell("[:echo 1 nil]");
    expect(await peer.until("[:echo ")).toBe("[:echo 1 true nil]");
    expect(peer.said.filter((line) => !/^\[:(handshake|ws-ping|echo)/.test(line))).toEqual([]);
  });

  test("PING5 a client's own pings are answered, and one without an id is not", async () => {
    const { connect } = await serve();
    const peer = await connect("ws", "{:ws-kalive-ms 300 :ws-ping-timeout-ms 3000}");
    peer.tell('[:raw "[[:chsk/ws-ping] nil]"]');
    for (let i = 0; i < 2; i++) expect(await peer.next()).toBe('[:pong "pong"]');
  });

  test("USER4 a client whom the server closed comes back with the same client id, and is heard and pushed to again", async () => {
    const { sync, connect } = await serve();
    const ids: string[] = [];
    sync.on("test/close-me", ({ peer }) => {
      ids.push(peer.clientId);
      peer.close();
    });
    const peer = await connect("ws", '{:params {:uid "gus"}}');
    const back = /^\[:handshake \["gus" nil nil\] false "([0-9a-f-]{36})"\]$/;
    peer.tell("[:send [:test/close-me]]");
    expect(await peer.next()).toBe("[:closed :clean 1000]");
    expect(await peer.next()).toMatch(back);
    sync.disconnect({ user: "gus" });
    expect(await peer.next()).toBe("[:closed :unexpected 4003]");
    const [, clientId] = (await peer.next()).match(back) as RegExpMatchArray;
    sync.send("gus", "test/pushed", 1);
    expect(await pushed(peer, 1)).toEqual(["[:test/pushed 1]"]);
    peer.tell("[:break]");
    expect(await peer.next()).toBe("[:closed :unexpected 3000]");
    expect(await peer.next()).toMatch(back);
    peer.tell("[:send [:test/close-me]]");
    expect(await peer.next()).toBe("[:closed :clean 1000]");
    expect(ids).toEqual([clientId, clientId]);
    await peer.until("[:handshake ");
    expect(sync.stats().connections).toBe(1);
  });
});

describe("our client and a ClojureScript server", () => {
  let server: Awaited<ReturnType<typeof startServer>>;
  beforeAll(async () => {
    server = await startServer('{:handshake-data {:hello "world"}}');
  });
  afterAll(() => server.peer.stop());

  function connect(uid: string, address = server.address): Client {
    const client = createClient(`ws:${address}?uid=${uid}`);
    onTestFinished(() => client.close());
    return client;
  }

  test("HAND4 our client is open with the handshake, and knows what it was told", async () => {
    const client = connect("ann");
    const state = senteState(client);
    expect(await server.peer.until('[:open :ws "ann"')).toBe(`[:open :ws "ann" "${client.clientId}"]`);
    await expect.poll(() => client.status.get().name).toBe("connected");
    expect(state.get()).toMatchObject({ type: "ws", open: true, uid: "ann", handshakeData: { hello: "world" } });
  });

  test("CALL2 our client reads every kind of value in a reply, nil among them", async () => {
    const client = connect("ann");
    expect(await client.request("test/kinds", null)).toStrictEqual(senteKinds);
    expect(await client.request("test/nil", null)).toBe(null);
  });

  test("CALL1, EVENT1 a ClojureScript server reads what our client sends, and gives it back equal", async () => {
    const client = connect("ann");
    for (const value of [senteKinds, [null, [true, []]], new Set([new Date(1), -7]), new Map([["id", 1]]), 1e21, '\\"\n☺ 😀'])
      expect(await client.request("test/echo", value)).toStrictEqual(value);
    expect(client.send("test/told", { "id": 1, "user/name": "ann", "tags": new Set([keyword("a/b")]), "at": new Date(0) })).toBe(
      "ok",
    );
    expect(client.send("test/told", new Map([["id", new List([1, new Sym("sym")])]]))).toBe("ok");
    expect(client.send("test/told")).toBe("ok");
    expect(await server.peer.until("[:event [:test/told")).toBe(
      '[:event [:test/told {:id 1, :user/name "ann", :tags #{:a/b}, :at #inst "1970-01-01T00:00:00.000-00:00"}]]',
    );
    expect(await server.peer.next()).toBe('[:event [:test/told {"id" (1 sym)}]]');
    expect(await server.peer.next()).toBe("[:event [:test/told]]");
  });

  test("CALL2 a request that a ClojureScript server does not answer ends by its timeout", async () => {
    await expect(connect("ann").request("test/no-reply", 1, { timeoutMs: 200 })).rejects.toMatchObject({ code: "timeout" });
  });

  test("WRAP2 what a ClojureScript server pushes is told in order, under its name", async () => {
    const client = connect("bea");
    const heard: [string, unknown][] = [];
    for (const name of ["test/pushed", "test/other"]) client.on(name, ({ event, data }) => void heard.push([event, data]));
    expect(await client.request("test/push-n", 3)).toStrictEqual(keyword("ok"));
    server.peer.tell('[:push "bea" [:test/other #:user{:id 1 :name #{"bea"}}]]');
    server.peer.tell('[:push "bea" [:test/other]]');
    await expect.poll(() => heard.length).toBe(5);
    expect(heard).toStrictEqual([
      ...[0, 1, 2].map((i) => ["test/pushed", i]),
      ["test/other", { "user/id": 1, "user/name": new Set(["bea"]) }],
      ["test/other", null],
    ]);
  });

  test("PING3, PING4 our client answers a ClojureScript server's pings, and stays", async () => {
    const { peer, address } = await startServer("{:ws-kalive-ms 300 :ws-ping-timeout-ms 3000}");
    onTestFinished(() => peer.stop());
    const client = connect("ann", address);
    let pings = 0;
    client.on("chsk/ws-ping", () => void pings++);
    for (let i = 0; i < 2; i++) await peer.until("[:event [:chsk/ws-pong]]");
    expect(pings).toBeGreaterThanOrEqual(2);
    expect(peer.said.filter((line) => !line.startsWith("[:event [:chsk/ws-pong]]")).slice(1)).toEqual([
      `[:open :ws "ann" "${client.clientId}"]`,
    ]);
  });

  test("PING5 our client's own pings are answered by a ClojureScript server", async () => {
    const client = createClient(`ws:${server.address}?uid=pia`, { reconnect: { keepaliveMs: 300, pingTimeoutMs: 3000 } });
    onTestFinished(() => client.close());
    for (let i = 0; i < 2; i++) await server.peer.until("[:event [:chsk/ws-ping]]");
    expect(client.status.get().name).toBe("connected");
  });

  test.each([
    ["cuts the socket", ":cut", "unexpected"],
    ["closes", ":close", "clean"],
  ])("RECONNECT1, CALL4 our client comes back with its client id when the server %s", async (_, command, reason) => {
    const client = connect("gus");
    const facts: unknown[] = [];
    client.on("connect", () => void facts.push("connect"));
    client.on("disconnect", (fact) => void facts.push(fact));
    client.on("resume", (fact) => void facts.push(fact));
    const opened = `[:open :ws "gus" "${client.clientId}"]`;
    await server.peer.until(opened);
    const lost = client.request("test/no-reply", 1, { timeoutMs: 20_000 });
    await server.peer.until("[:event [:test/no-reply 1]]");
    server.peer.tell(`[${command}]`);
    await expect(lost).rejects.toMatchObject({ code: "closed" });
    const pushes: unknown[] = [];
    client.on("test/pushed", ({ data }) => void pushes.push(data));
    // Sente keeps a push for a while for who is about to come back.
    server.peer.tell('[:push "gus" [:test/pushed "meanwhile"]]');
    // Waits for the new line.
    expect(await client.request("test/echo", "again", { timeoutMs: 20_000 })).toBe("again");
    expect(await server.peer.until("[:open ")).toBe(opened);
    await expect.poll(() => pushes).toEqual(["meanwhile"]);
    expect(facts).toEqual(["connect", { reason }, { recovered: false }]);
  });

  test("HAND5 an atom on a ClojureScript server is refused as a feature that it does not have, and it hears nothing of it", async () => {
    const client = connect("ann");
    const held = atom(client, defineAtom("counter", { initial: { n: 0 } }));
    await expect(held.ready).rejects.toMatchObject({ code: "feature-not-supported" });
    expect(held.status.get()).toBe("refused");
    expect(await client.request("test/echo", "end")).toBe("end");
    await server.peer.until('[:event [:test/echo "end"]]');
    expect(server.peer.said.filter((line) => !/^\[:(port|open|closed|event \[:(test\/|chsk\/ws-))/.test(line))).toEqual([]);
  });
});

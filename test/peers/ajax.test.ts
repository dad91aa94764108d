/** Foreign Sente peers, written in ClojureScript, against our server and our client over Ajax. */
import { defineAtom, Keyword, keyword } from "sente-sync";
import { atom, type Client, createClient, senteState } from "sente-sync/client";
import { longPoll } from "sente-sync/transports/long-poll";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { serve } from "./our-server.ts";
import { echoed, pushed, senteKinds, startServer } from "./peer.ts";

/** Sente's posts carry headers, but no parameters of the application. */
const gus = '{:headers {"x-user" "gus"}}';
const inOrder = (count: number): string[] => Array.from({ length: count }, (_, i) => `[:test/pushed ${i}]`);

describe("our server and a polling ClojureScript client", () => {
  test("a client hears the handshake first, as over a WebSocket", async () => {
    const { open, sync } = await serve({ handshakeData: () => ({ hello: "world" }) });
    let clientId = "";
    sync.on("test/who", ({ peer }) => {
      ({ clientId } = peer);
    });
    const peer = open("ajax", gus);
    const handshake = await peer.next();
    peer.tell("[:request 1 [:test/who]]");
    expect(await peer.next()).toBe("[:reply 1 nil]");
    expect(handshake).toBe(`[:handshake ["gus" nil {:hello "world"}] true "${clientId}"]`);
  });

  test("every kind of value that a client asks with comes back equal in the answer to its post", async () => {
    const { connect } = await serve();
    const peer = await connect("ajax");
    for (const [index, text] of echoed.entries()) {
      peer.tell(`[:echo ${index} ${text}]`);
      expect(await peer.next()).toBe(`[:echo ${index} true ${text}]`);
    }
  });

  test("an event without a callback is answered with Sente's word for that, and so is what is no event", async () => {
    const { connect, sync, told } = await serve();
    const bad: unknown[] = [];
    sync.on("chsk/bad-event", ({ data }) => void bad.push(data));
    const peer = await connect("ajax", gus);
    peer.tell('[:send [:test/told {:id 1 :tags #{:a/b "c & d=é+"}}]]');
    expect(await peer.next()).toBe("[:posted]");
    peer.tell('[:raw "[[:bare 1] nil]"]');
    expect(await peer.next()).toBe("[:answer :chsk/dummy-cb-200]");
    // How it answers is its own affair; that it does, and goes on, is not.
    peer.tell('[:raw "[[:test/told"]');
    expect(await peer.next()).toMatch(/^\[:(answer|refused) /);
    peer.tell("[:echo 1 nil]");
    expect(await peer.next()).toBe("[:echo 1 true nil]");
    expect(told).toStrictEqual([{ id: 1, tags: new Set([keyword("a/b"), "c & d=é+"]) }]);
    expect(bad).toStrictEqual([[new Keyword("bare"), 1]]);
    expect(sync.stats()).toMatchObject({ badEvents: 1, connections: 1 });
  });

  test("what nobody replies to is answered when the server's time for it is up, and by the client's own when that is shorter", async () => {
    const { connect, sync } = await serve({ longPoll: { timeoutMs: 1000 } });
    sync.on("test/never", () => new Promise(() => {}));
    const peer = await connect("ajax");
    peer.tell("[:request 1 [:test/never] 20000]");
    expect(await peer.until("[:reply ")).toBe("[:reply 1 :chsk/timeout]");
    peer.tell("[:request 2 [:test/never] 100]");
    expect(await peer.until("[:reply ")).toBe("[:reply 2 :chsk/timeout]");
    expect(peer.said.filter((line) => line.startsWith("[:closed"))).toEqual([]);
  });

  test("pushes arrive in order, those made between two polls among them", async () => {
    const { connect, sync } = await serve();
    const peer = await connect("ajax", gus);
    for (let i = 0; i < 3; i++) sync.send("gus", "test/pushed", i);
    expect(await pushed(peer, 3)).toEqual(inOrder(3));
    // Each of these in a turn of its own, while the poll before it is being answered.
    for (let i = 0; i < 20; i++) {
      sync.send("gus", "test/pushed", i);
      await new Promise((resolve) => setTimeout(resolve, i % 3));
    }
    expect(await pushed(peer, 20)).toEqual(inOrder(20));
    expect(peer.said.filter((line) => !/^\[:(handshake|push) /.test(line))).toEqual([]);
  });

  test("a poll that nothing comes for is answered with Sente's word for that, and the next one hears a push", async () => {
    const { connect, sync } = await serve({ longPoll: { timeoutMs: 300 } });
    const peer = await connect("ajax", gus);
    for (let i = 0; i < 2; i++) expect(await peer.next()).toBe("[:poll-timeout]");
    sync.send("gus", "test/pushed", 0);
    expect(await pushed(peer, 1)).toEqual(inOrder(1));
  });

  test("one user's pushes reach a polling client and one with a WebSocket, a broadcast all", async () => {
    const { connect, sync } = await serve();
    const peers = await Promise.all([
      connect("ajax", gus),
      connect("ws", '{:params {:uid "gus"}}'),
      connect("ajax", '{:headers {"x-user" "ann"}}'),
    ]);
    sync.send("gus", "test/pushed", 0);
    sync.broadcast("test/all", "end");
    const heard = await Promise.all(peers.map((peer, index) => pushed(peer, index === 2 ? 1 : 2)));
    const toGus = ["[:test/pushed 0]", '[:test/all "end"]'];
    expect(heard).toEqual([toGus, toGus, ['[:test/all "end"]']]);
  });

  test("a client whom the server closed comes back with a handshake and the same client id, and is heard and pushed to again", async () => {
    const { connect, sync } = await serve();
    const ids: string[] = [];
    sync.on("test/close-me", ({ peer }) => {
      ids.push(peer.clientId);
      peer.close();
    });
    const peer = await connect("ajax", gus);
    sync.send("gus", "test/pushed", 0);
    await pushed(peer, 1);
    for (let i = 0; i < 2; i++) {
      peer.tell("[:send [:test/close-me]]");
      await peer.until("[:closed :unexpected");
      expect(await peer.until("[:handshake ")).toBe(`[:handshake ["gus" nil nil] false "${ids[i]}"]`);
      sync.send("gus", "test/pushed", i);
      expect(await pushed(peer, 1)).toEqual([`[:test/pushed ${i}]`]);
      peer.tell("[:echo 1 nil]");
      expect(await peer.until("[:echo ")).toBe("[:echo 1 true nil]");
    }
    expect(new Set(ids).size).toBe(1);
    expect(sync.stats().connections).toBe(1);
  });
});

describe("our polling client and a ClojureScript server", () => {
  let server: Awaited<ReturnType<typeof startServer>>;
  beforeAll(async () => {
    server = await startServer('{:handshake-data {:hello "world"} :lp-timeout-ms 700}');
  });
  afterAll(() => server.peer.stop());

  function connect(): Client {
    const client = createClient(`http:${server.address}`, { connector: longPoll() });
    onTestFinished(() => client.close());
    return client;
  }

  const openedBy = (client: Client): string => `[:open :ajax :sente/nil-uid "${client.clientId}"]`;

  test("our client is open with the handshake, and knows what it was told", async () => {
    const client = connect();
    const state = senteState(client);
    expect(await server.peer.until("[:open ")).toBe(openedBy(client));
    await expect.poll(() => client.status.get().name).toBe("connected");
    expect(state.get()).toMatchObject({ open: true, uid: keyword("sente/nil-uid"), handshakeData: { hello: "world" } });
  });

  test("our client reads every kind of value in a reply, nil among them, and is given back what it sends", async () => {
    const client = connect();
    expect(await client.request("test/kinds", null)).toStrictEqual(senteKinds);
    expect(await client.request("test/nil", null)).toBe(null);
    for (const value of [senteKinds, [null, [true, []]], new Map([["id", 1]]), 'a & b=c+%\\"\n☺ 😀'])
      expect(await client.request("test/echo", value)).toStrictEqual(value);
  });

  test("a ClojureScript server reads what our client sends", async () => {
    const client = connect();
    await client.request("test/nil", null);
    expect(client.send("test/told", { "id": 1, "user/name": "ann & +", "tags": new Set([keyword("a/b")]) })).toBe("ok");
    expect(await server.peer.until("[:event [:test/told")).toBe(
      '[:event [:test/told {:id 1, :user/name "ann & +", :tags #{:a/b}}]]',
    );
    expect(client.send("test/told")).toBe("ok");
    expect(await server.peer.until("[:event ")).toBe("[:event [:test/told]]");
    expect(server.peer.said.filter((line) => /^\[:(odd|unreadable|bad)/.test(line))).toEqual([]);
  });

  test("a request that a ClojureScript server does not answer ends by its timeout, ours or the server's", async () => {
    const client = connect();
    await expect(client.request("test/no-reply", 1, { timeoutMs: 200 })).rejects.toMatchObject({ code: "timeout" });
    await expect(client.request("test/no-reply", 1, { timeoutMs: 1500 })).rejects.toMatchObject({ code: "timeout" });
    expect(client.status.get().name).toBe("connected");
  });

  test("what a ClojureScript server pushes is told, in the order of each batch, also behind polls that nothing came for", async () => {
    const client = connect();
    const heard: [string, unknown][] = [];
    for (const name of ["test/pushed", "test/other"]) client.on(name, ({ event, data }) => void heard.push([event, data]));
    const pushes = [0, 1, 2].map((i) => ["test/pushed", i]);
    expect(await client.request("test/push-n", 3)).toStrictEqual(keyword("ok"));
    await expect.poll(() => heard).toEqual(pushes);
    // Longer than the server holds a poll.
    await new Promise((resolve) => setTimeout(resolve, 900));
    server.peer.tell("[:push :sente/nil-uid [:test/other #:user{:id 1 :name #{:bea}}]]");
    await expect.poll(() => heard).toEqual([...pushes, ["test/other", { "user/id": 1, "user/name": new Set([keyword("bea")]) }]]);
    expect(client.status.get().name).toBe("connected");
  });

  test.each([
    ["cuts the poll", ":cut"],
    ["cuts it and knows the client no more", ":forget"],
  ])("our client goes on with its client id when the server %s", async (_, command) => {
    const client = connect();
    const pushes: unknown[] = [];
    client.on("test/pushed", ({ data }) => void pushes.push(data));
    await server.peer.until(openedBy(client));
    // It was told, so it polls.
    server.peer.tell(`[:push :sente/nil-uid [:test/pushed "before ${command}"]]`);
    await expect.poll(() => pushes).toContain(`before ${command}`);
    server.peer.tell(`[${command}]`);
    if (command === ":forget") expect(await server.peer.until("[:open ")).toBe(openedBy(client));
    expect(await client.request("test/echo", "again", { timeoutMs: 20_000 })).toBe("again");
    // Anew until one is told: a plain server keeps none for whom it does not know.
    await expect
      .poll(
        () => {
          server.peer.tell(`[:push :sente/nil-uid [:test/pushed "behind ${command}"]]`);
          return pushes;
        },
        { interval: 300 },
      )
      .toContain(`behind ${command}`);
    expect(client.status.get().name).toBe("connected");
  });

  test("an atom on a ClojureScript server is refused as a feature that it does not have, and it hears nothing of it", async () => {
    const client = connect();
    const held = atom(client, defineAtom("counter", { initial: { n: 0 } }));
    await expect(held.ready).rejects.toMatchObject({ code: "feature-not-supported" });
    expect(await client.request("test/echo", "end")).toBe("end");
    await server.peer.until('[:event [:test/echo "end"]]');
    expect(server.peer.said.filter((line) => !/^\[:(port|open|event \[:test\/)/.test(line))).toEqual([]);
  });
});

/** Peers of y-websocket and Hocuspocus that are written by hand, at a server in virtual time. */
import * as decoding from "lib0/decoding";
import * as encoding from "lib0/encoding";
import { type YjsPeersOptions, yjsPeers } from "sente-sync/doc/peers";
import type { ServerDocOptions } from "sente-sync/doc/server";
import { createRng, virtualClock } from "sente-sync/testing";
import { memoryPair } from "sente-sync/transports/memory";
import { describe, expect, test } from "vitest";
import { Awareness, applyAwarenessUpdate } from "y-protocols/awareness";
import * as Y from "yjs";
import { isSyncError } from "../../src/core/errors.ts";
import { addressed, addressOf, readAddressed, readPeerMessage, say } from "../../src/kind/doc/peer-messages.ts";
import { handStorage } from "../support/hand-log.ts";
import { createWorld, type World } from "./world.ts";
import { createDoc } from "./yjs.ts";

type Notes = ServerDocOptions<{ readonly id: string }>;

interface Heard {
  readonly address: string;
  readonly type: number;
  readonly rest: Uint8Array;
}

/** The client's end, by hand: the document that it has, and all that it was told. */
class Peer {
  readonly doc: Y.Doc;
  readonly heard: Heard[] = [];
  readonly closes: number[] = [];
  readonly transport;
  readonly isHocuspocus: boolean;
  readonly #world: World;

  constructor(world: World, open: (far: ReturnType<typeof memoryPair>[1]) => void, isHocuspocus: boolean, client: number) {
    this.#world = world;
    this.isHocuspocus = isHocuspocus;
    this.doc = createDoc(client);
    const [near, far] = memoryPair(world.env);
    this.transport = near;
    near.handlers = {
      onFrame: (data) => this.#hear(data as Uint8Array),
      onClose: (code) => void this.closes.push(code),
    };
    open(far);
  }

  #hear(data: Uint8Array): void {
    if (this.isHocuspocus && data.length === 1) return void this.heard.push({ address: "", type: data[0] as number, rest: data });
    const [address, message] = this.isHocuspocus ? readAddressed(data) : ["", data];
    this.heard.push({ address, type: message[0] as number, rest: message.subarray(1) });
    if (message[0] === 0 && message[1] !== 0) {
      const decoder = decoding.createDecoder(message.subarray(2));
      Y.applyUpdate(this.doc, decoding.readVarUint8Array(decoder), "server");
    }
  }

  async say(...messages: Uint8Array[]): Promise<void> {
    for (const data of messages) this.transport.send({ data, text: false });
    await this.#world.settle();
  }

  /** Messages of that type that came, as hex. */
  told(type: number): string[] {
    return this.heard.filter((each) => each.type === type).map(({ rest }) => Buffer.from(rest).toString("hex"));
  }

  get text(): string {
    return this.doc.getText("text").toString();
  }

  /** Edits, and gives the update. */
  edit(run: (doc: Y.Doc) => void): Uint8Array {
    const before = Y.encodeStateVector(this.doc);
    this.doc.transact(() => run(this.doc));
    return Y.encodeStateAsUpdate(this.doc, before);
  }

  type(text: string): Promise<void> {
    return this.say(say.update(this.edit((doc) => doc.getText("text").insert(0, text))));
  }
}

const nothing = new Map<number, number>();
const synced = say.ask(nothing);
const answer = (update: Uint8Array): Uint8Array => {
  const message = say.update(update);
  message[1] = 1;
  return message;
};
const states = (...all: [client: number, clock: number, data: unknown][]): Uint8Array => say.awareness(all as never);
const person = (id: string) => ({ id, name: id });
const anonymous = () => ({ id: "anonymous-1", name: "", anonymous: true });

function peersWorld(options: Notes = {}, peerOptions: YjsPeersOptions = {}, server = {}) {
  const world = createWorld(options, server);
  const peers = yjsPeers(world.sync, peerOptions);
  let client = 1000;
  return Object.assign(world, {
    async yjs(user = person("yan"), name = "notes/1", first: Uint8Array[] = [synced]): Promise<Peer> {
      const peer = new Peer(world, (far) => peers.accept(far, `/yjs/${name}`, user), false, ++client);
      await peer.say(...first);
      return peer;
    },
    socket: (user = person("hugo")): Peer => new Peer(world, (far) => peers.accept(far, "/hocuspocus", user), true, ++client),
    /** A socket, with `notes/1` open unless told otherwise. */
    async hocus(user = person("hugo"), addresses = ["notes/1"]): Promise<Peer> {
      const peer = this.socket(user);
      for (const address of addresses) await peer.say(token(address), to(synced, address));
      return peer;
    },
    async served(): Promise<string> {
      return (await world.family.open({ id: "1" })).read((doc) => doc.getText("text").toString());
    },
  });
}

const to = (message: Uint8Array, address = "notes/1"): Uint8Array => addressed(addressOf(address), message);
function token(address: string, text = ""): Uint8Array {
  const encoder = encoding.createEncoder();
  encoding.writeVarUint(encoder, 2);
  encoding.writeVarUint(encoder, 0);
  encoding.writeVarString(encoder, text);
  encoding.writeVarString(encoder, "4.7.0");
  return to(encoding.toUint8Array(encoder), address);
}

/** Who is shown to that peer. */
function shown(peer: Peer): unknown[] {
  const awareness = new Awareness(new Y.Doc());
  clearInterval(awareness._checkInterval);
  awareness.setLocalState(null);
  for (const { type, rest } of peer.heard) {
    if (type === 1) applyAwarenessUpdate(awareness, decoding.readVarUint8Array(decoding.createDecoder(rest)), "server");
  }
  return [...awareness.getStates().values()];
}

describe("doors", () => {
  test("YPEER1 a name is the topic's as a URL has it, or what `topic` makes of it; what is no document is denied", async () => {
    const world = peersWorld();
    const spaced = await world.yjs(person("yan"), "notes/a b");
    await spaced.type("x");
    expect((await world.family.open({ id: "a b" })).updates).toHaveLength(1);
    const hocus = await world.hocus(person("yan"), ["notes/a b"]);
    expect(hocus.text).toBe("x");
    for (const name of ["nothing", ""]) {
      const lost = await world.yjs(person("yan"), name);
      expect([lost.told(2).length, lost.closes]).toEqual([1, [4403]]);
    }
    expect(() => yjsPeers(world.sync)).toThrow(expect.objectContaining({ code: "conflict" }) as Error);

    const named = peersWorld({}, { topic: (name) => (name === "é" ? "notes/1" : undefined) });
    const yan = await named.yjs(person("yan"), "%C3%A9");
    await yan.type("named");
    expect(await named.served()).toBe("named");
    const refused = await named.hocus(person("hugo"), ["other"]);
    expect(refused.told(2)).toHaveLength(1);
    expect((await named.yjs(person("yan"), "%E9")).closes).toEqual([4403]);
  });

  test("YPEER2 each document is a connection of its user", async () => {
    const seen: string[] = [];
    const world = peersWorld({}, {}, { onConnect: (peer: { user: { id: string } }) => seen.push(peer.user.id) });
    await world.yjs();
    await world.hocus(person("hugo"), ["notes/1", "notes/2"]);
    expect(seen).toEqual(["yan", "hugo", "hugo"]);
    expect(world.sync.stats().connections).toBe(3);
  });
});

describe("messages", () => {
  test("YPEER3 bytes at random are read, or refused as such; three in ten seconds close the line", async () => {
    const rng = createRng(7);
    const seeds = [
      synced,
      answer(Uint8Array.of(0, 0)),
      states([1, 1, { name: "ada", at: [1, 2] }]),
      say.stateless("x"),
      token("a"),
    ];
    for (let i = 0; i < 5000; i++) {
      const bytes = Uint8Array.from(rng.pick(seeds));
      for (let flips = 1 + rng.int(4); flips > 0; flips--) bytes[rng.int(bytes.length)] = rng.int(256);
      try {
        readPeerMessage(bytes.subarray(0, rng.int(bytes.length + 1)));
        readAddressed(bytes);
      } catch (error) {
        if (!isSyncError(error)) throw error;
      }
    }
    const world = peersWorld();
    const peer = await world.yjs();
    for (const bad of [Uint8Array.of(), Uint8Array.of(0, 3, 0), Uint8Array.of(99)]) await peer.say(bad);
    expect(peer.closes).toEqual([4400]);
    const hocus = await world.hocus();
    for (const bad of [Uint8Array.of(), Uint8Array.of(200), to(Uint8Array.of(99))]) await hocus.say(bad);
    expect(hocus.told(7)).toHaveLength(1);
    expect(world.sync.stats().malformed).toBe(6);
  });

  test("YPEER4 limits: parts of awareness, depth, clients of a vector, documents and tokens of a socket", async () => {
    const deep = (depth: number): unknown => JSON.parse(`${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`);
    const many = Array.from({ length: 1001 }, (_, client): [number, number, null] => [client, 1, null]);
    const large = new Map(Array.from({ length: 100_001 }, (_, client) => [client, 1]));
    expect(readPeerMessage(states([1, 1, deep(32)])).type).toBe("awareness");
    for (const [message, code] of [
      [states(...many), "too-large"],
      [states([1, 1, { text: "x".repeat(256 * 1024) }]), "too-large"],
      [states([1, 1, deep(33)]), "too-deep"],
      [states([1, 1, JSON.parse('{"__proto__":1}')]), "invalid"],
      [states([1, 1, [1]]), "malformed"],
      [say.ask(large), "too-large"],
    ] as const)
      expect(() => readPeerMessage(message)).toThrow(expect.objectContaining({ code }) as Error);
    const world = peersWorld({}, {}, { limits: { maxConnectionsPerUser: 100 } });
    const idle = await world.hocus(person("hugo"), []);
    await idle.say(token("notes/1", "x".repeat(17 * 1024)));
    expect(idle.closes).toEqual([1009]);
    const silent = await world.hocus(person("hugo"), []);
    await silent.say(to(synced));
    await world.advance(10_001);
    expect(silent.closes).toEqual([4408]);
    const crowd: Peer[] = [];
    for (let i = 0; i < 1001; i++) crowd.push(world.socket());
    await world.settle();
    expect(crowd.map(({ closes }) => closes.length)).toEqual([...Array<number>(1000).fill(0), 1]);
    await world.advance(10_001);
    const all = Array.from({ length: 65 }, (_, index) => `notes/${index}`);
    const full = await world.hocus(person("hugo"), all);
    expect(full.heard.filter(({ type, rest }) => type === 2 && rest[0] === 1).map(({ address }) => address)).toEqual([
      "notes/64",
    ]);
  });

  test("YPEER4 a message that the server does not see costs as much as one that it does", async () => {
    const world = peersWorld({}, {}, { limits: { messages: { perSecond: 10, burst: 20 } } });
    const peer = await world.yjs();
    const before = world.sync.stats().messagesIn;
    for (let i = 0; i < 40; i++) peer.transport.send({ data: states([peer.doc.clientID, i, { i }]), text: false });
    await world.settle();
    expect(world.sync.stats().messagesIn - before).toBeLessThan(40);
    expect(world.sync.stats().ratePauses).toBeGreaterThan(0);
    await world.advance(10_000);
    expect(world.sync.stats().messagesIn - before).toBeGreaterThanOrEqual(40);
  });
});

describe("documents", () => {
  test("YPEER5 who asks is told what it lacks, from stored updates, and asked for what it has", async () => {
    const world = peersWorld();
    const first = await world.yjs();
    await first.type("one ");
    await first.say(say.update(first.edit((doc) => doc.getText("text").delete(0, 1))));
    const second = await world.yjs();
    expect(second.text).toBe("ne ");
    await second.type("two ");
    // It has the first clocks of `first`, and something of its own that nobody has.
    const away = await world.yjs(person("yan"), "notes/1", []);
    Y.applyUpdate(away.doc, Y.encodeStateAsUpdate(first.doc));
    const own = away.edit((doc) => doc.getText("text").insert(0, "away "));
    await first.type("three ");
    await away.say(say.ask(Y.decodeStateVector(Y.encodeStateVector(away.doc))));
    const asked = away.told(0).filter((hex) => hex.startsWith("00"));
    expect(asked).toHaveLength(1);
    expect(away.told(0).filter((hex) => hex === "01020000")).toHaveLength(1);
    await away.say(answer(own));
    const all = [first, second, away].map(({ text }) => text);
    expect(new Set([...all, await world.served()])).toEqual(new Set([all[0]]));
    expect(all[0]).toContain("away ");
    for (const { doc } of [first, second, away]) expect([doc.store.pendingStructs, doc.store.pendingDs]).toEqual([null, null]);
  });

  test("YPEER6 an update reaches everybody, and one that is forged or malformed nobody", async () => {
    const world = peersWorld();
    const page = await world.page("ada");
    const [yjs, hocus] = [await world.yjs(), await world.hocus()];
    page.type(0, "page ");
    await world.settle();
    await yjs.type("yjs ");
    await hocus.say(to(say.update(hocus.edit((doc) => doc.getText("text").insert(0, "hocus ")))));
    expect([yjs.text, hocus.text, page.text]).toEqual(Array(3).fill("hocus yjs page "));
    const forger = createDoc(1);
    Y.applyUpdate(forger, Y.encodeStateAsUpdate(yjs.doc));
    forger.clientID = yjs.doc.clientID;
    const before = Y.encodeStateVector(forger);
    forger.getText("text").insert(0, "EVIL");
    await hocus.say(to(say.update(Y.encodeStateAsUpdate(forger, before))), to(say.update(Uint8Array.of(1, 2, 3))));
    expect([yjs.text, page.text, await world.served()]).toEqual(Array(3).fill("hocus yjs page "));
    await yjs.type("still ");
    expect([page.text, await world.served()]).toEqual(Array(2).fill("still hocus yjs page "));
  });

  test("YPEER7 what builds upon what is missing is asked for once, and an answer that does so too is not asked for again", async () => {
    const world = peersWorld();
    const peer = await world.yjs();
    await peer.say(answer(Uint8Array.of(0, 0)));
    const asks = (): number => peer.told(0).filter((hex) => hex.startsWith("00")).length;
    expect(asks()).toBe(1);
    const lost = peer.edit((doc) => doc.getText("text").insert(0, "lost "));
    expect(lost.length).toBeGreaterThan(2);
    const gapped = [1, 2, 3].map(() => peer.edit((doc) => doc.getText("text").insert(0, "x")));
    await peer.say(...gapped.map((update) => say.update(update)));
    expect(asks()).toBe(2);
    await peer.say(answer(gapped[2] as Uint8Array));
    expect(asks()).toBe(2);
    await peer.say(say.update(gapped[2] as Uint8Array));
    expect(asks()).toBe(3);
    await peer.say(answer(Y.encodeStateAsUpdate(peer.doc)));
    expect(await world.served()).toBe("xxxlost ");
  });

  test("YPEER7 what the log cannot store now is asked for again, until it is stored", async () => {
    const storage = handStorage(virtualClock({ seed: 7 }).envFor("disk"));
    const world = peersWorld({}, {}, { storage });
    const settle = async (): Promise<void> => {
      for (let i = 0; i < 5; i++) {
        await new Promise((resolve) => setImmediate(resolve));
        await world.settle();
      }
    };
    await settle();
    const peer = await world.yjs();
    await settle();
    await peer.say(answer(Uint8Array.of(0, 0)));
    await peer.type("kept");
    await settle();
    await storage.fail();
    await settle();
    storage.heal();
    storage.auto = true;
    const asks = (): string[] => peer.told(0).filter((hex) => hex.startsWith("00"));
    expect(asks()).toHaveLength(1);
    await world.advance(1000);
    await settle();
    expect(asks()).toHaveLength(2);
    await peer.say(answer(Y.encodeStateAsUpdate(peer.doc)));
    await settle();
    expect(await world.served()).toBe("kept");
    expect([peer.told(2), peer.text]).toEqual([[], "kept"]);
  });

  test("YPEER8 who may only read is refused every update, and told so once, or for each", async () => {
    const authorize: Notes["authorize"] = ({ user, action }) => action !== "write" || user.id === "ada";
    const world = peersWorld({ authorize });
    const [yjs, hocus] = [await world.yjs(), await world.hocus()];
    const page = await world.page("ada");
    await yjs.say(answer(yjs.edit((doc) => doc.getText("text").insert(0, "first step"))));
    await yjs.type("again");
    expect(yjs.told(2)).toHaveLength(1);
    await hocus.say(to(answer(hocus.edit((doc) => doc.getText("text").insert(0, "mine")))));
    expect(hocus.told(8)).toEqual(["00"]);
    expect(Buffer.from(hocus.told(2)[0] as string, "hex").toString()).toContain("readonly");
    page.type(0, "page ");
    await world.settle();
    expect(await world.served()).toBe("page ");
    for (const { text, closes } of [yjs, hocus]) expect([text.includes("page "), closes]).toEqual([true, []]);
  });

  test("YPEER9 Hocuspocus is told of each update once it is stored, and of one that changes nothing, too", async () => {
    const world = peersWorld();
    const hocus = await world.hocus();
    expect(hocus.heard.filter(({ type }) => type !== 1).map(({ type, rest }) => [type, rest[0]])).toEqual([
      [2, 2],
      [0, 1],
      [0, 0],
    ]);
    const update = hocus.edit((doc) => doc.getText("text").insert(0, "a"));
    await hocus.say(to(answer(Uint8Array.of(0, 0))), to(say.update(update)), to(say.update(update)));
    expect(hocus.told(8)).toEqual(["01", "01", "01"]);
  });

  test("YPEER10 anonymous peers are one owner, whose ids are not a user's; users keep theirs", async () => {
    const world = peersWorld({
      limits: { clientIds: { burst: 1, perSecond: 0.001 }, guestClientIds: { burst: 2, perSecond: 0.001 } },
    });
    const first = await world.yjs(anonymous());
    await first.type("a");
    first.transport.close();
    await world.settle();
    // The same page, on a new socket.
    const again = await world.yjs(anonymous());
    again.doc.clientID = first.doc.clientID;
    await again.type("b");
    const other = await world.yjs(anonymous());
    await other.type("c");
    const tooMany = await world.yjs(anonymous());
    await tooMany.type("d");
    expect(await world.served()).toBe("cba");
    const user = await world.yjs(person("mallory"));
    user.doc.clientID = first.doc.clientID;
    await user.type("EVIL");
    expect(await world.served()).toBe("cba");
    const ada = await world.yjs(person("ada"));
    await ada.type("e");
    const guest = await world.yjs(anonymous());
    guest.doc.clientID = ada.doc.clientID;
    await guest.type("EVIL");
    expect(await world.served()).toBe("ecba");
  });
});

describe("awareness", () => {
  test("YPEER11 a peer speaks for the first client id that it names, and for no other", async () => {
    const world = peersWorld();
    const [yjs, hocus] = [await world.yjs(), await world.hocus()];
    await yjs.say(states([yjs.doc.clientID, 1, { name: "yan" }]));
    await hocus.say(to(states([hocus.doc.clientID, 1, { name: "hugo" }])));
    await world.advance(200);
    expect([shown(yjs), shown(hocus)]).toEqual([[{ name: "hugo" }], [{ name: "yan" }]]);
    // Of yan: a forged state, a clock that pins it, its eviction.
    await hocus.say(
      to(
        states(
          [yjs.doc.clientID, 2 ** 52, { name: "forged" }],
          [yjs.doc.clientID, 2 ** 53 - 1, null],
          [77, 1, { name: "ghost" }],
        ),
      ),
    );
    await world.advance(200);
    await yjs.say(states([yjs.doc.clientID, 2, { name: "yan", at: 5 }]));
    await world.advance(200);
    expect(shown(hocus)).toEqual([{ name: "yan", at: 5 }]);
    expect(shown(yjs)).toEqual([{ name: "hugo" }]);
    const page = await world.page("ada");
    expect(page.note.awareness.getLocalState()).toEqual({});
    await world.advance(100);
    expect([...page.note.awareness.getStates().values()]).toEqual(
      expect.arrayContaining([{ name: "yan", at: 5 }, { name: "hugo" }]),
    );
  });

  test("YPEER12 who has left is told at once, and who is gone without a word once it is not waited for", async () => {
    const world = peersWorld();
    const [ada, bob, eve] = [await world.yjs(person("ada")), await world.yjs(person("bob")), await world.yjs(person("eve"))];
    for (const peer of [ada, bob, eve]) await peer.say(states([peer.doc.clientID, 1, { id: peer.doc.clientID }]));
    await world.advance(200);
    expect(shown(ada)).toHaveLength(2);
    await bob.say(states([bob.doc.clientID, 2, null]));
    await world.advance(150);
    expect(shown(ada)).toEqual([{ id: eve.doc.clientID }]);
    eve.transport.terminate();
    await world.advance(5100);
    expect(shown(ada)).toEqual([]);
    const late = await world.yjs(person("late"));
    expect(shown(late)).toEqual([{ id: ada.doc.clientID }]);
  });

  test("YPEER13 what changes often is gathered, and what does not change is told again each 15 s with a newer clock", async () => {
    const world = peersWorld();
    const [ada, bob] = [await world.yjs(person("ada")), await world.yjs(person("bob"))];
    await ada.say(states([ada.doc.clientID, 1, { at: 0 }]));
    await world.advance(200);
    const before = bob.told(1).length;
    for (let at = 1; at <= 50; at++) {
      await ada.say(states([ada.doc.clientID, 1 + at, { at }]));
      await world.advance(10);
    }
    await world.advance(200);
    expect(shown(bob)).toEqual([{ at: 50 }]);
    expect(bob.told(1).length - before).toBeLessThanOrEqual(8);
    const told = bob.told(1).length;
    await world.advance(15_000);
    expect(bob.told(1).length).toBeGreaterThan(told);
    const clocks = bob.heard
      .filter(({ type }) => type === 1)
      .flatMap(({ rest }) => {
        const decoder = decoding.createDecoder(decoding.readVarUint8Array(decoding.createDecoder(rest)));
        if (decoding.readVarUint(decoder) === 0) return [];
        decoding.readVarUint(decoder);
        return [decoding.readVarUint(decoder)];
      });
    expect(clocks).toEqual([...new Set(clocks)].sort((a, b) => a - b));
  });
});

describe("ends", () => {
  test("YPEER14 what was taken back ends the document with a word, what may pass ends the socket", async () => {
    const world = peersWorld();
    const [yjs, hocus] = [await world.yjs(), await world.hocus(person("hugo"), ["notes/1", "notes/2"])];
    world.sync.revoke({ topic: "notes/1" });
    await world.settle();
    expect([yjs.told(2).length, yjs.closes]).toEqual([1, [4403]]);
    expect(hocus.heard.filter(({ type, rest }) => type === 2 && rest[0] === 1).map(({ address }) => address)).toEqual([
      "notes/1",
    ]);
    expect(hocus.closes).toEqual([]);
    expect(world.sync.stats().connections).toBe(1);
    world.sync.disconnect({ user: "hugo" });
    await world.settle();
    expect(hocus.heard.filter(({ type }) => type === 7).map(({ address }) => address)).toEqual(["notes/2"]);
    const back = await world.hocus();
    await world.sync.close();
    await world.settle();
    expect(back.closes).toEqual([1001]);
  });

  test("YPEER15 documents of one socket open and close by themselves, also two of the same name", async () => {
    const world = peersWorld();
    const socket = await world.hocus(person("hugo"), ["notes/1\0one", "notes/1\0two"]);
    const writer = await world.yjs();
    await writer.type("x");
    const told = (address: string): number => socket.heard.filter((each) => each.address === address && each.type === 0).length;
    expect([told("notes/1\0one"), told("notes/1\0two")]).toEqual([3, 3]);
    await socket.say(to(Uint8Array.of(7), "notes/1\0one"));
    await writer.type("y");
    expect([told("notes/1\0one"), told("notes/1\0two")]).toEqual([3, 4]);
    // Not open: nothing is written, and nobody is hurt.
    await socket.say(to(say.update(socket.edit((doc) => doc.getText("text").insert(0, "z"))), "notes/1\0one"));
    expect(await world.served()).toBe("yx");
    expect(world.sync.stats().connections).toBe(2);
    await socket.say(token("notes/1\0one"), to(synced, "notes/1\0one"));
    expect(world.sync.stats().connections).toBe(3);
  });

  test("YPEER16 a peer that says nothing is asked for a sign of life, and closed without one", async () => {
    const world = peersWorld();
    const [yjs, hocus] = [await world.yjs(), await world.hocus(person("hugo"), ["notes/1", "notes/2"])];
    const silent = await world.yjs(person("silent"));
    for (let i = 0; i < 5; i++) {
      await world.advance(10_000);
      if (yjs.told(3).length) await yjs.say(states([yjs.doc.clientID, i, null]));
      await hocus.say(Uint8Array.of(10));
    }
    expect(yjs.told(3).length).toBeGreaterThan(0);
    expect(hocus.told(9).length).toBeGreaterThan(0);
    expect([yjs.closes, hocus.closes, silent.closes]).toEqual([[], [], [1000]]);
    expect(world.sync.stats().connections).toBe(3);
  });

  test("YPEER17 stateless messages reach the application, and its answer that client alone; without it they go nowhere", async () => {
    const world = peersWorld({}, { onStateless: ({ topic, user, payload, send }) => send(`${topic} ${user.id} ${payload}`) });
    const [hocus, other] = [await world.hocus(), await world.hocus(person("other"))];
    await hocus.say(to(say.stateless("hello")));
    const texts = ({ heard }: Peer): string[] =>
      heard.filter(({ type }) => type === 5).map(({ rest }) => decoding.readVarString(decoding.createDecoder(rest)));
    expect([texts(hocus), texts(other)]).toEqual([["notes/1 hugo hello"], []]);
    const deaf = peersWorld();
    const unheard = await deaf.hocus();
    await unheard.say(to(say.stateless("hello")));
    expect([texts(unheard), unheard.closes, deaf.errors]).toEqual([[], [], []]);
  });
});

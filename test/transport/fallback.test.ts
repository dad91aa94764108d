/** One way to connect after another, in virtual time, with connectors that do what the test says. */
import { memoryConnector } from "sente-sync/transports/memory";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { connectorContractSuite } from "../../src/testing/contracts/connector.ts";
import { type Recorder, realTime, record, textFrame } from "../../src/testing/contracts/transport-world.ts";
import { type FallbackOptions, fallback } from "../../src/transport/fallback.ts";
import type { Connector, ConnectorEvents, Format, Transport } from "../../src/transport/transport.ts";
import { settled } from "../support/scripted-fetch.ts";
import { createVirtualEnv } from "../support/virtual-env.ts";

describe("fallback as a connector", () => {
  const suite = connectorContractSuite(async () => {
    const accepted: Recorder[] = [];
    const memory = memoryConnector((transport) => {
      accepted.push(record(transport));
      transport.send(textFrame("handshake"));
    });
    return { connector: fallback([memory, memory]), url: "memory://here/?a=1", accepted, ...realTime, dispose: async () => {} };
  });
  for (const { name, run } of suite) test(name, run);
});

/** One `open` of a connector, to be driven by the test. */
class Opening {
  readonly url: URL;
  readonly events: ConnectorEvents;
  readonly format: Format | undefined;
  readonly calls: string[] = [];
  transport: Transport | undefined;
  isCancelled = false;

  constructor(url: string, events: ConnectorEvents, format: Format | undefined) {
    this.url = new URL(url);
    this.events = events;
    this.format = format;
  }

  /** Its socket opens. */
  socket(name: string): this {
    const call =
      (what: string) =>
      (...rest: unknown[]): boolean => {
        this.calls.push([what, ...rest.filter((part) => typeof part !== "object")].join(" "));
        return true;
      };
    this.transport = {
      name,
      bufferedBytes: 7,
      polled: name === "ajax",
      protocol: `${name}-protocol`,
      handlers: undefined as never,
      send: call("send"),
      cork: call("cork"),
      uncork: call("uncork"),
      pause: call("pause"),
      resume: call("resume"),
      close: call("close"),
      terminate: call("terminate"),
    };
    this.events.onOpen(this.transport);
    return this;
  }

  says(frame: string): this {
    this.transport?.handlers.onFrame(frame);
    return this;
  }

  closes(code = 1006, reason = ""): this {
    this.transport?.handlers.onClose(code, reason);
    return this;
  }

  /** Nobody holds anything of it. */
  get isLeft(): boolean {
    return this.isCancelled || this.calls.some((call) => call.startsWith("terminate") || call.startsWith("close"));
  }
}

function world(options: FallbackOptions & { names?: readonly string[]; takes?: boolean } = {}) {
  const { names = ["ws", "ajax"], takes = true, ...rest } = options;
  const env = createVirtualEnv();
  const openings: Record<string, Opening[]> = {};
  const network = new Set<() => void>();
  const connectors = names.map(
    (name): Connector => ({
      name,
      open(url, events, format) {
        const opening = new Opening(url, events, format);
        (openings[name] ??= []).push(opening);
        return { cancel: () => void (opening.isCancelled = true) };
      },
    }),
  );
  const connector = fallback(connectors, {
    env,
    onNetwork(run) {
      network.add(run);
      return () => void network.delete(run);
    },
    ...rest,
  });
  /** How many times that way was tried, and the newest of them. */
  const tries = (name: string): number => openings[name]?.length ?? 0;
  const newest = (name: string): Opening => openings[name]?.at(-1) as Opening;
  const open = (url = "ws://host/chsk?client-id=1") => {
    const said: string[] = [];
    const owner: { heard?: Recorder; better?: Transport; tell?: () => void } = {};
    const events: ConnectorEvents = {
      protocols: ["p1", "p2"],
      onOpen(transport) {
        said.push("open");
        owner.heard = record(transport);
      },
      onFail: (reason) => said.push(reason),
      ...(takes && {
        onBetter(transport: Transport, tell: () => void) {
          said.push("better");
          Object.assign(owner, { better: transport, tell });
        },
      }),
    };
    const opening = connector.open(url, events, format);
    return {
      said,
      owner,
      opening,
      get heard() {
        return owner.heard as Recorder;
      },
    };
  };
  /** A connection on the way `ajax`, the others having failed. */
  const openAjax = () => {
    const opened = open();
    for (const name of names) {
      if (name === "ajax") break;
      newest(name).events.onFail("refused");
    }
    newest("ajax").socket("ajax").says("handshake");
    return opened;
  };
  const changeNetwork = (): void => {
    for (const run of [...network]) run();
  };
  return { env, connector, open, openAjax, tries, newest, openings, network, changeNetwork };
}

const format: Format = { binary: false, pack: () => "", unpack: () => null };

test("FALL1 a way is open with its first message, not before, and that message is told first", () => {
  const { env, open, newest, tries } = world();
  const { said, owner } = open();
  newest("ws").socket("ws");
  expect(said).toEqual([]);
  env.advance(4999);
  newest("ws").says("handshake").says("more");
  expect([said, owner.heard?.frames, tries("ajax"), env.timers]).toEqual([["open"], ["handshake", "more"], 0, 0]);
});

test.each<[string, (opening: Opening, env: ReturnType<typeof createVirtualEnv>) => unknown, string]>([
  ["fails", (opening) => opening.events.onFail("refused"), "ws: refused"],
  ["closes before its first message", (opening) => opening.socket("ws").closes(), "ws: closed before the handshake"],
  ["opens and says nothing", (opening, env) => [opening.socket("ws"), env.advance(5000)], "ws: no handshake within 5000 ms"],
  ["does not open", (_, env) => env.advance(5000), "ws: no handshake within 5000 ms"],
])("FALL1 a way that %s is left for the next", (_, happens, reason) => {
  const { env, open, newest } = world();
  const opened = open();
  const ws = newest("ws");
  happens(ws, env);
  newest("ajax").socket("ajax").says("handshake");
  expect([opened.said, opened.heard.transport.name, opened.heard.frames]).toEqual([["open"], "ajax", ["handshake"]]);
  // Whatever it still says.
  if (ws.transport) ws.says("late").closes();
  else ws.socket("ws").says("late");
  expect([opened.said, opened.heard.frames]).toEqual([["open"], ["handshake"]]);
  if (reason.includes("within")) expect(ws.isLeft).toBe(true);
  const failed = world();
  const nothing = failed.open();
  happens(failed.newest("ws"), failed.env);
  failed.newest("ajax").events.onFail("HTTP 500");
  expect(nothing.said).toEqual([`${reason}; ajax: HTTP 500`]);
  expect(failed.env.timers).toBe(0);
});

test("FALL1 a socket that opens when its time is over is dropped", () => {
  const { env, open, newest } = world();
  open();
  env.advance(5000);
  const late = newest("ws").socket("ws");
  late.says("handshake");
  expect(late.isLeft).toBe(true);
});

test("FALL2 the owner has all of the transport, and its close", () => {
  const { open, newest } = world();
  const opened = open();
  const { calls } = newest("ws").socket("ws").says("handshake");
  const { transport } = opened.heard;
  expect([transport.name, transport.bufferedBytes, transport.polled, transport.protocol]).toEqual([
    "ws",
    7,
    false,
    "ws-protocol",
  ]);
  expect([transport.send(textFrame("a")), transport.uncork()]).toEqual([true, true]);
  transport.cork();
  transport.pause();
  transport.resume();
  transport.close(4000, "bye");
  transport.terminate();
  expect(calls).toEqual(["send", "uncork", "cork", "pause", "resume", "close 4000 bye", "terminate"]);
  newest("ws").transport?.handlers.onDrain?.();
  newest("ws").closes(4000, "bye");
  expect([opened.heard.events, opened.heard.closes]).toEqual([["frame", "drain", "close"], [{ code: 4000, reason: "bye" }]]);
});

test("FALL3 each way has the subprotocols and the format, and what it is called says which ways there are", () => {
  const { connector, open, newest } = world();
  open();
  newest("ws").events.onFail("refused");
  expect(connector.name).toBe("ws+ajax");
  for (const name of ["ws", "ajax"]) expect([newest(name).events.protocols, newest(name).format]).toEqual([["p1", "p2"], format]);
});

test("FALL4 what worked is tried first from then on; when it fails the others are, each once", () => {
  const { open, newest, tries } = world({ names: ["a", "b", "c"] });
  open();
  newest("a").events.onFail("refused");
  newest("b").socket("b").says("handshake").closes();
  const again = open();
  expect([tries("a"), tries("b"), tries("c")]).toEqual([1, 2, 0]);
  for (const name of ["b", "c", "a"]) newest(name).events.onFail("refused");
  expect(again.said).toEqual(["b: refused; c: refused; a: refused"]);
  expect([tries("a"), tries("b"), tries("c")]).toEqual([2, 2, 1]);
  // Nothing works: nothing is remembered.
  open();
  expect([tries("a"), tries("b")]).toEqual([3, 2]);
});

test("FALL4 a change of the network while ways are tried makes none be tried twice", () => {
  const { openAjax, open, newest, tries, changeNetwork } = world({ names: ["a", "b", "ajax"] });
  const first = openAjax();
  const second = open("ws://host/chsk?client-id=2");
  changeNetwork();
  newest("ajax").events.onFail("refused");
  newest("a").events.onFail("refused");
  newest("b").events.onFail("refused");
  expect(second.said).toEqual(["ajax: refused; a: refused; b: refused"]);
  first.heard.transport.terminate();
  expect(tries("ajax")).toBe(2);
});

test("FALL5 while a later way is used, the earlier ones are tried every 60 s", () => {
  const { env, openAjax, newest, tries } = world({ names: ["a", "b", "ajax"] });
  const { said } = openAjax();
  for (let round = 2; round < 5; round++) {
    env.advance(59_999);
    expect(tries("a")).toBe(round - 1);
    env.advance(1);
    expect([tries("a"), newest("a").url.searchParams.get("move")]).toEqual([round, "1"]);
    newest("a").socket("a").closes();
    expect(tries("b")).toBe(round);
    env.advance(5000);
    expect(newest("b").isLeft).toBe(true);
  }
  expect([said, tries("ajax")]).toEqual([["open"], 1]);
});

test("FALL5 ways that were passed over are tried as soon as the connection is open, and so is each in its turn that fails", () => {
  const { env, openAjax, open, newest, tries } = world();
  openAjax().heard.transport.terminate();
  open();
  expect([tries("ws"), tries("ajax")]).toEqual([1, 2]);
  newest("ajax").socket("ajax").says("handshake");
  env.advance(0);
  expect(tries("ws")).toBe(2);
});

test("FALL6 another network: what was remembered is forgotten, and the earlier ways are tried at once", () => {
  const { env, openAjax, open, newest, tries, changeNetwork, network } = world();
  const { heard } = openAjax();
  env.advance(30_000);
  changeNetwork();
  expect(tries("ws")).toBe(2);
  const before = newest("ws");
  changeNetwork();
  expect([tries("ws"), before.isLeft]).toEqual([3, true]);
  newest("ws").events.onFail("refused");
  env.advance(59_999);
  expect(tries("ws")).toBe(3);
  heard.transport.terminate();
  expect(network.size).toBe(0);
  open();
  expect([tries("ws"), tries("ajax")]).toEqual([4, 1]);
});

test("FALL6 the platform's own signs are listened to while a later way is used, and no longer", () => {
  const target = new EventTarget();
  const connection = new EventTarget();
  vi.stubGlobal("addEventListener", target.addEventListener.bind(target));
  vi.stubGlobal("removeEventListener", target.removeEventListener.bind(target));
  vi.stubGlobal("navigator", { connection });
  onTestFinished(() => void vi.unstubAllGlobals());
  const { openAjax, tries } = world({ onNetwork: undefined } as never);
  const { heard } = openAjax();
  target.dispatchEvent(new Event("online"));
  connection.dispatchEvent(new Event("change"));
  expect(tries("ws")).toBe(3);
  heard.transport.close();
  target.dispatchEvent(new Event("online"));
  connection.dispatchEvent(new Event("change"));
  expect(tries("ws")).toBe(3);
});

test("FALL7 an earlier way that works is offered, with its first message, and the one in use goes on", () => {
  const { env, openAjax, newest } = world();
  const { said, owner, heard } = openAjax();
  env.advance(60_000);
  newest("ws").socket("ws");
  expect(said).toEqual(["open"]);
  newest("ws").says("handshake");
  expect([said, newest("ajax").isLeft]).toEqual([["open", "better"], false]);
  const better = record(owner.better as Transport);
  newest("ws").says("early");
  expect(better.frames).toEqual([]);
  owner.tell?.();
  newest("ws").says("late");
  newest("ajax").says("still");
  expect([better.frames, heard.frames]).toEqual([
    ["handshake", "early", "late"],
    ["handshake", "still"],
  ]);
  // Taken: the owner leaves the one before.
  heard.transport.close();
  env.advance(600_000);
  expect([said, env.timers]).toEqual([["open", "better"], 0]);
});

test("FALL7 what is offered and not taken is offered again later", () => {
  const { env, openAjax, newest, tries } = world();
  const { said, owner } = openAjax();
  for (let round = 2; round < 5; round++) {
    env.advance(60_000);
    newest("ws").socket("ws").says("handshake");
    owner.better?.terminate();
    expect([tries("ws"), newest("ws").isLeft, said.length]).toEqual([round, true, round]);
  }
});

test("FALL7 on a middle way that was taken, the first one is looked for", () => {
  const { env, openAjax, newest, tries } = world({ names: ["a", "b", "ajax"] });
  const { said, owner, heard } = openAjax();
  env.advance(60_000);
  newest("a").events.onFail("refused");
  newest("b").socket("b").says("handshake");
  record(owner.better as Transport);
  owner.tell?.();
  heard.transport.close();
  env.advance(60_000);
  expect([tries("a"), tries("b")]).toEqual([3, 2]);
  newest("a").socket("a").says("handshake");
  expect(said).toEqual(["open", "better", "better"]);
});

test("FALL8 without a way to offer it, the connection in use is closed, and the next one is what was found", async () => {
  const { env, openAjax, open, newest, tries } = world({ takes: false });
  const { heard } = openAjax();
  env.advance(60_000);
  newest("ws").socket("ws").says("handshake").says("early");
  expect(newest("ajax").calls).toEqual(["close 1000 CLOSE_NORMAL"]);
  newest("ajax").closes(1000, "CLOSE_NORMAL");
  expect(heard.closes).toEqual([{ code: 1000, reason: "CLOSE_NORMAL" }]);
  env.advance(9999);
  const other = open("ws://host/chsk?client-id=2");
  const next = open();
  expect([next.said, tries("ws")]).toEqual([[], 3]);
  await settled();
  expect([next.said, next.heard.frames, other.said]).toEqual([["open"], ["handshake", "early"], []]);
  env.advance(60_000);
  expect(next.heard.closes).toEqual([]);
  expect(newest("ws").url.searchParams.get("client-id")).toBe("2");
});

test("FALL8 what nobody comes for is dropped after ten seconds, and what closed meanwhile is not handed on", async () => {
  const waiting = world({ takes: false });
  waiting.openAjax();
  waiting.env.advance(60_000);
  const found = waiting.newest("ws").socket("ws").says("handshake");
  waiting.env.advance(9999);
  expect(found.isLeft).toBe(false);
  waiting.env.advance(1);
  expect([found.isLeft, waiting.env.timers]).toEqual([true, 0]);
  for (const isTaken of [false, true]) {
    const { env, openAjax, open, newest, tries } = world({ takes: false });
    openAjax();
    env.advance(60_000);
    const kept = newest("ws").socket("ws").says("handshake");
    if (!isTaken) kept.closes();
    const next = open();
    if (isTaken) kept.closes();
    await settled();
    expect([next.said, tries("ws")]).toEqual([[], 3]);
  }
});

test.each<[string, (heard: Recorder, ajax: Opening) => unknown]>([
  ["is lost", (_, ajax) => ajax.closes()],
  ["is closed", ({ transport }) => transport.close()],
  ["is dropped", ({ transport }) => transport.terminate()],
])("FALL9 when the connection %s, whoever listens to it by then, nothing more is looked for", (_, ends) => {
  for (const isLooking of [false, true]) {
    const { env, openAjax, newest, tries, network } = world();
    const { heard } = openAjax();
    // As a session does that moves.
    heard.transport.handlers = { onFrame() {}, onClose() {} };
    if (isLooking) env.advance(60_000);
    ends(heard, newest("ajax"));
    env.advance(600_000);
    expect([tries("ws"), newest("ws").isLeft || !isLooking, network.size, env.timers]).toEqual([isLooking ? 2 : 1, true, 0, 0]);
  }
});

test("FALL10 cancelled at any point, nothing is left open and nothing is said", async () => {
  const steps: readonly ((w: ReturnType<typeof world>) => void)[] = [
    () => {},
    ({ newest }) => newest("ws").socket("ws"),
    ({ newest }) => newest("ws").closes(),
    ({ newest }) => newest("ajax").socket("ajax"),
  ];
  for (let count = 1; count <= steps.length; count++) {
    const here = world();
    const { said, opening } = here.open();
    for (const step of steps.slice(0, count)) step(here);
    opening.cancel();
    opening.cancel();
    here.newest(count > 2 ? "ajax" : "ws").says("handshake");
    here.env.advance(600_000);
    const open = Object.values(here.openings).flat();
    expect([said, open.filter((each) => !each.isLeft).length, here.env.timers, here.network.size]).toEqual([[], 0, 0, 0]);
  }
  const kept = world({ takes: false });
  kept.openAjax();
  kept.env.advance(60_000);
  kept.newest("ws").socket("ws").says("handshake");
  const next = kept.open();
  next.opening.cancel();
  await settled();
  expect([next.said, kept.newest("ws").isLeft, kept.env.timers]).toEqual([[], true, 0]);
});

test("FALL10 cancelling what has opened changes nothing", () => {
  const { openAjax, newest, env, tries } = world();
  const { opening, heard } = openAjax();
  opening.cancel();
  newest("ajax").says("a");
  env.advance(60_000);
  expect([heard.frames, newest("ajax").isLeft, tries("ws")]).toEqual([["handshake", "a"], false, 2]);
});

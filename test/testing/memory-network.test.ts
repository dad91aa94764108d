import { describe, expect, test } from "vitest";
import { connectorContractSuite } from "../../src/testing/contracts/connector.ts";
import { transportContractSuite } from "../../src/testing/contracts/transport.ts";
import {
  binaryFrame,
  type Recorder,
  record,
  type TransportWorld,
  textFrame,
} from "../../src/testing/contracts/transport-world.ts";
import { type Faults, memoryNetwork, type Network, type VirtualClock, virtualClock } from "../../src/testing/index.ts";

const virtualTime = (clock: VirtualClock): TransportWorld => ({
  async until(done) {
    while (!done()) {
      if (clock.nowMs > 600_000) throw new Error("That never happened.");
      await clock.advance(1);
    }
  },
  settle: async () => void (await clock.advance(5000)),
  dispose: async () => {},
});

interface Sim extends TransportWorld {
  readonly clock: VirtualClock;
  readonly network: Network;
  readonly accepted: Recorder[];
  connect(node: string): Promise<Recorder>;
}

const createSim = (faults: Partial<Faults> | "swarm" = {}, seed = 1): Sim => {
  const clock = virtualClock({ seed });
  const network = memoryNetwork({ clock, faults });
  const accepted: Recorder[] = [];
  network.listen("server", (transport) => accepted.push(record(transport)), clock.envFor("server"));
  const world = virtualTime(clock);
  return {
    clock,
    network,
    accepted,
    ...world,
    async connect(node) {
      let opened: Recorder | undefined;
      network.connector(node).open("ws://server/chsk", {
        onOpen(transport) {
          opened = record(transport);
        },
        onFail: (reason) => expect.unreachable(reason),
      });
      await world.until(() => opened !== undefined);
      return opened as Recorder;
    },
  };
};

const openPair = async (faults?: Partial<Faults>): Promise<Sim & { client: Recorder; server: Recorder }> => {
  const sim = createSim(faults);
  const client = await sim.connect("client");
  return { ...sim, client, server: sim.accepted[0] as Recorder };
};

describe("SIM7 the simulated network as a transport", () => {
  const suite = transportContractSuite(
    async () => {
      const sim = await openPair({ splitChance: 0.5, tailChance: 0.3, tailMs: 20 });
      return { ...sim, client: sim.client.transport, server: sim.server.transport };
    },
    { gathers: ["client", "server"], pauses: ["client", "server"] },
  );
  for (const { name, run } of suite) test(name, run);
});

describe("SIM7 the simulated network as a connector", () => {
  const suite = connectorContractSuite(async () => {
    const { clock, network, accepted } = createSim();
    return { connector: network.connector("client"), url: "ws://server/chsk", accepted, ...virtualTime(clock) };
  }, "ws://nobody/");
  for (const { name, run } of suite) test(name, run);
});

test("SIM7 the listener is given the url, and what it sends at once arrives after onOpen", async () => {
  const { clock, network } = createSim();
  const urls: string[] = [];
  const stop = network.listen(
    "other:8080",
    (transport, url) => {
      urls.push(url);
      record(transport);
      transport.send(textFrame("welcome"));
    },
    clock.envFor("other"),
  );
  let client: Recorder | undefined;
  const events = { onOpen: (transport: Recorder["transport"]) => (client = record(transport)), onFail: () => urls.push("fail") };
  network.connector("client").open("ws://other:8080/x?y=1", events);
  await clock.run();
  stop();
  network.connector("client").open("ws://other:8080/x?y=2", events);
  await clock.run();
  expect([urls, client?.frames]).toEqual([["ws://other:8080/x?y=1", "fail"], ["welcome"]]);
});

test("SIM8 of what is on its way when a link is cut, some first part arrives, then 1006", async () => {
  const arrived = new Set<number>();
  for (let seed = 0; seed < 60; seed++) {
    const { clock, network, connect, accepted, settle } = createSim({ latencyMs: 2 }, seed);
    const client = await connect("client");
    const server = accepted[0] as Recorder;
    for (let i = 0; i < 5; i++) client.transport.send(textFrame(`${i}`));
    await clock.advance(seed / 20);
    network.cut("client");
    client.transport.send(textFrame("too late"));
    await settle();
    expect(server.frames).toEqual(["0", "1", "2", "3", "4"].slice(0, server.frames.length));
    expect([server.closes.map(({ code }) => code), client.closes.map(({ code }) => code)]).toEqual([[1006], [1006]]);
    expect([network.counts.cuts, network.counts.lost, network.openLinks]).toEqual([1, 5 - server.frames.length, 0]);
    arrived.add(server.frames.length);
  }
  expect(arrived).toEqual(new Set([0, 1, 2, 3, 4, 5]));
});

test.each([
  ["near", 1, 0],
  ["far", 0, 1],
  ["none", 0, 0],
] as const)("SIM8 a cut that tells %s tells nobody else", async (told, atClient, atServer) => {
  const { network, client, server, settle } = await openPair();
  network.cut("client", told);
  await settle();
  client.transport.send(textFrame("lost"));
  server.transport.send(textFrame("lost"));
  await settle();
  expect([client.closes.length, server.closes.length]).toEqual([atClient, atServer]);
  expect([client.frames, server.frames]).toEqual([[], []]);
});

test.each(["in", "out"] as const)("SIM9 with %s dead the other way works, and nobody is told", async (way) => {
  const { network, client, server, settle } = await openPair();
  network.halfOpen("client", way);
  client.transport.send(textFrame("up"));
  server.transport.send(textFrame("down"));
  await settle();
  expect([server.frames, client.frames]).toEqual(way === "in" ? [["up"], []] : [[], ["down"]]);
  expect([client.closes, server.closes, network.counts.vanished]).toEqual([[], [], 1]);
  client.transport.close(4000, "bye");
  await settle();
  expect(client.closes).toEqual([{ code: 1006, reason: "" }]);
  expect(server.closes.length).toBe(1);
});

test("SIM10 a clogged node stands still, and then everything moves, in order", async () => {
  const { clock, network, client, server } = await openPair();
  client.transport.send(textFrame("a"));
  network.clog("server", 1000);
  client.transport.send(textFrame("b"));
  server.transport.send(textFrame("c"));
  const startMs = clock.nowMs;
  await clock.run({ untilMs: startMs + 999 });
  expect([server.frames, client.frames]).toEqual([[], []]);
  await clock.run({ untilMs: startMs + 1001 });
  expect([server.frames, client.frames]).toEqual([["a", "b"], ["c"]]);
});

test("SIM11 a slow node drains at its rate", async () => {
  const { clock, network, client, server, until } = await openPair({ bufferBytes: 1000 });
  network.slow("server", 10);
  const startMs = clock.nowMs;
  expect(client.transport.send(binaryFrame(996))).toBe(true);
  expect(client.transport.send(binaryFrame(996))).toBe(false);
  expect(client.transport.bufferedBytes).toBe(2000);
  await until(() => client.drains === 1);
  expect(clock.nowMs - startMs).toBeGreaterThanOrEqual(200);
  expect(clock.nowMs - startMs).toBeLessThan(210);
  await until(() => server.frames.length === 2);
  expect(network.counts.blocked).toBe(1);
});

test("SIM11 what has left the sender is not slowed any more", async () => {
  const { clock, network, client, server } = await openPair({ latencyMs: 5 });
  client.transport.send(textFrame("gone"));
  await clock.advance(0.01);
  network.slow("client", 0);
  client.transport.send(textFrame("stuck"));
  await clock.advance(500);
  expect(server.frames).toEqual(["gone"]);
});

test("SIM11 at rate 0 nothing leaves until the rate is lifted, and a close goes unanswered", async () => {
  const { clock, network, client, server, settle, until } = await openPair();
  network.slow("client", 0);
  while (client.transport.send(binaryFrame(10_000)));
  await settle();
  expect([client.drains, server.frames.length]).toEqual([0, 0]);
  network.slow("client", Number.POSITIVE_INFINITY);
  await until(() => client.drains === 1 && server.frames.length === 7);
  network.slow("client", 0);
  const startMs = clock.nowMs;
  server.transport.close();
  await until(() => server.closes.length > 0);
  expect(clock.nowMs - startMs).toBeGreaterThanOrEqual(2000);
  expect(server.closes[0]?.code).toBe(1006);
});

test("SIM12 an abandoned transport tells late frames, before its onClose, only if asked to", async () => {
  for (const [lateWords, frames] of [
    [true, ["late"]],
    [false, []],
  ] as const) {
    const { network, client, server, settle } = await openPair({ lateWords });
    server.transport.send(textFrame("late"));
    client.transport.close();
    await settle();
    expect([client.frames, client.events.at(-1), network.counts.lateWords]).toEqual([frames, "close", frames.length]);
  }
});

test("SIM12 a dropped transport can tell late frames, too, while the client has opened a newer one", async () => {
  let late = 0;
  for (let seed = 0; seed < 40; seed++) {
    const { accepted, connect, settle } = createSim({ lateWords: true, latencyMs: 20 }, seed);
    const old = await connect("client");
    for (let i = 0; i < 20; i++) (accepted[0] as Recorder).transport.send(textFrame("late"));
    old.transport.terminate();
    await connect("client");
    await settle();
    expect(old.events.filter((event) => event === "close").length).toBe(1);
    expect(old.events.at(-1)).toBe("close");
    late += old.frames.length;
  }
  expect(late).toBeGreaterThan(0);
});

const tryConnect = (network: Network): { said: string[]; cancel(): void } => {
  const said: string[] = [];
  const { cancel } = network.connector("client").open("ws://server/", {
    onOpen(transport) {
      said.push("open");
      record(transport);
    },
    onFail: () => said.push("fail"),
  });
  return { said, cancel };
};

test("SIM13 connects are refused, or never end, as directed", async () => {
  const { network, clock, settle } = createSim();
  network.refuse("server", true);
  const refused = tryConnect(network);
  await settle();
  network.refuse("server", false);
  network.hang("server", true);
  const hung = tryConnect(network);
  await settle();
  network.hang("server", false);
  const fine = tryConnect(network);
  await clock.advance(60_000);
  expect([refused.said, hung.said, fine.said]).toEqual([["fail"], [], ["open"]]);
  expect([network.counts.connects, network.counts.refused, network.counts.hung]).toEqual([3, 1, 1]);
  hung.cancel();
  network.heal();
  await settle();
  expect([hung.said, network.openLinks]).toEqual([[], 1]);
});

test("SIM13 cancelling closes what the server has accepted, at whatever moment it comes", async () => {
  let acceptedOnes = 0;
  for (let atMs = 0; atMs < 60; atMs += 2) {
    const { network, clock, accepted, settle } = createSim({ latencyMs: 20 }, atMs);
    const { said, cancel } = tryConnect(network);
    await clock.advance(atMs);
    if (said.length > 0) continue;
    cancel();
    await settle();
    expect([said, network.openLinks]).toEqual([[], 0]);
    for (const server of accepted) expect(server.closes.map(({ code }) => code)).toEqual([1006]);
    acceptedOnes += accepted.length;
  }
  expect(acceptedOnes).toBeGreaterThan(0);
});

test.each(["far", "none"] as const)("SIM14 a crash says nothing to its own node, and %s hears of it", async (told) => {
  const { network, clock, client, server, settle } = await openPair();
  server.transport.send(textFrame("on its way"));
  network.crash("server", told);
  server.transport.send(textFrame("from the dead"));
  client.transport.send(textFrame("to the dead"));
  expect([network.counts.vanished, network.counts.untold]).toEqual([1, told === "none" ? 1 : 0]);
  await settle();
  expect(server.events).toEqual([]);
  expect(client.frames).not.toContain("from the dead");
  expect(client.closes.map(({ code }) => code)).toEqual(told === "far" ? [1006] : []);
  const { said } = tryConnect(network);
  await clock.run();
  expect(said).toEqual(["fail"]);
});

test("SIM14 after a crash the old life can neither listen nor connect, and a new one can", async () => {
  const { network, clock, settle } = createSim();
  const env = clock.envFor("server");
  const stale = network.connector("client");
  network.crash("server");
  network.crash("client");
  network.listen("server", () => expect.unreachable(), env);
  const { said: ghost } = tryConnect(network);
  await settle();
  stale.open("ws://server/", { onOpen: () => expect.unreachable(), onFail: () => expect.unreachable() }).cancel();
  network.listen("server", record, clock.envFor("server"));
  const { said } = tryConnect(network);
  await settle();
  expect([ghost, said, network.counts.connects]).toEqual([["fail"], ["open"], 2]);
});

test("SIM14 a link is that of the node that accepted it, also where nobody listened when it was begun", async () => {
  const clock = virtualClock({ seed: 1 });
  const network = memoryNetwork({ clock });
  let opened: Recorder | undefined;
  network.connector("client").open("ws://address/chsk", {
    onOpen(transport) {
      opened = record(transport);
    },
    onFail: (reason) => expect.unreachable(reason),
  });
  network.listen("address", record, clock.envFor("node"));
  await clock.advance(1000);
  network.crash("address", "far");
  await clock.advance(1000);
  expect(opened?.closes).toEqual([]);
  network.crash("node", "far");
  await clock.advance(1000);
  expect(opened?.closes).toMatchObject([{ code: 1006 }]);
});

test("SIM15 healing cuts and tells what has lost anything, frees what stood still, and ends the drawn faults", async () => {
  const sim = createSim({ cutEveryMs: 0, clogEveryMs: 0 });
  const { network, accepted, connect, settle } = sim;
  const [dead, slow, fine] = [await connect("dead"), await connect("slow"), await connect("fine")];
  network.halfOpen("dead", "out");
  network.slow("slow", 0);
  network.clog("slow", 1_000_000);
  slow.transport.send(textFrame("at last"));
  await settle();
  network.heal();
  await settle();
  expect([dead.closes.length, slow.closes.length, fine.closes.length]).toEqual([1, 0, 0]);
  expect(accepted.map(({ closes }) => closes.length)).toEqual([1, 0, 0]);
  expect(accepted[1]?.frames).toEqual(["at last"]);
  expect(network.openLinks).toBe(2);
});

/** A few chatty clients under a swarm of faults, then healing: what they heard and what happened. */
const swarm = async (seed: number): Promise<{ hash: string; counts: Network["counts"]; openLinks: number; errors: string[] }> => {
  const clock = virtualClock({ seed });
  const network = memoryNetwork({ clock, faults: "swarm" });
  const errors: string[] = [];
  const serve = (): void => {
    const env = clock.envFor("server");
    network.listen(
      "server",
      (transport) => {
        let expected = 0;
        transport.handlers = {
          onFrame(data) {
            if (Number(data) !== expected++) errors.push(`${data} is not ${expected - 1}`);
            void Promise.resolve().then(() => transport.send({ data, text: true }));
          },
          onClose() {},
        };
      },
      env,
    );
  };
  const start = (node: string): void => {
    const env = clock.envFor(node);
    const connector = network.connector(node);
    const open = (): void => {
      let next = 0;
      const opening = connector.open("ws://server/", {
        onOpen(transport) {
          env.clearTimer(patience);
          let closes = 0;
          const tick = (): void => {
            const whim = env.random();
            if (whim < 0.02) transport.close();
            else if (whim < 0.04) transport.terminate();
            else transport.send(textFrame(`${next++}`.padEnd(env.random() < 0.1 ? 5000 : 1)));
            timer = env.setTimer(tick, 50);
          };
          let timer = env.setTimer(tick, 10);
          transport.handlers = {
            onFrame: () => void (closes && errors.push("a frame after the close")),
            onClose() {
              if (++closes > 1) errors.push("closed twice");
              env.clearTimer(timer);
              env.setTimer(open, 100);
            },
          };
        },
        onFail() {
          env.clearTimer(patience);
          env.setTimer(open, 100);
        },
      });
      const patience = env.setTimer(() => {
        opening.cancel();
        open();
      }, 3000);
    };
    open();
  };
  serve();
  for (const node of ["a", "b", "c"]) start(node);
  await clock.run({ untilMs: 10_000 });
  clock.crash("server");
  clock.crash("a");
  serve();
  start("a");
  await clock.advance(10_000);
  network.heal();
  await clock.advance(10_000);
  const before = { ...network.counts };
  await clock.advance(10_000);
  const { connects, cuts, halfOpens, clogs, refused, hung } = network.counts;
  const still = { cuts, halfOpens, clogs, refused, hung };
  for (const [name, count] of Object.entries(still))
    if (before[name as keyof typeof still] !== count) errors.push(`${name} after healing`);
  if (connects === 0) errors.push("nobody connected");
  return { hash: clock.traceHash(), counts: network.counts, openLinks: network.openLinks, errors };
};

test("SIM16 over many seeds a swarm has every fault, keeps every link in order, and heals", async () => {
  const sums: Record<string, number> = {};
  for (let seed = 0; seed < 60; seed++) {
    const { counts, errors, openLinks } = await swarm(seed);
    expect(errors, `seed ${seed}`).toEqual([]);
    expect(openLinks, `seed ${seed}`).toBeLessThanOrEqual(3);
    for (const [name, count] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + count;
  }
  expect(Object.entries(sums).filter(([, count]) => count < 10)).toEqual([]);
});

test("SIM4 a swarm run twice is the same run", async () => {
  const [one, again, other] = [await swarm(11), await swarm(11), await swarm(12)];
  expect(one).toEqual(again);
  expect(one.hash).not.toBe(other.hash);
});

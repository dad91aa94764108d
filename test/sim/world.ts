/**
 * One history: a server in its lives, its clients, a network with the faults of the seed, and the operations of a plan;
 * then the faults stop, and everything has to become equal and quiet.
 *
 * Always: the same plan gives the same history, to the last byte.
 * Rules: docs/protocol/resume.md RESUME1-RESUME9.
 */
import { memoryNetwork, type Network, type VirtualClock, virtualClock } from "sente-sync/testing";
import { Checker, type Finding, type States } from "./checker.ts";
import { createMiddlebox } from "./middlebox.ts";
import { opTable } from "./ops.ts";
import type { ClientPlan, Plan } from "./plan.ts";
import { SimClient } from "./sim-client.ts";
import { createSimServer, type SimServer } from "./sim-server.ts";

export interface Report {
  readonly seed: number | string;
  readonly findings: readonly Finding[];
  readonly faults: number;
  readonly delivered: number;
  readonly states: States;
  readonly hash: string;
  readonly steps: number;
  readonly simulatedMs: number;
}

export interface World {
  readonly clock: VirtualClock;
  readonly network: Network;
  readonly checker: Checker;
  /** Nothing while it is down. */
  readonly server: SimServer | undefined;
  restart(isPolite: boolean, downMs: number): void;
  reload(client: SimClient, isCrash: boolean): void;
  jumpClock(node: string, byMs: number): void;
  later(delayMs: number, run: () => void): void;
}

/** Equal within so long after the last fault. */
const liveMs = 30_000;
/** What a connection may hold: the socket's buffer, one flush, one frame over it, small messages. */
const heldBytes = 65_536 * 3;

export async function runPlan(plan: Plan, onTrace?: (atMs: number, node: string, what: string) => void): Promise<Report> {
  const clock = virtualClock({ seed: plan.seed, ...(onTrace ? { onTrace } : {}) });
  const network = memoryNetwork({ clock, faults: "swarm" });
  const checker = new Checker(() => clock.nowMs);
  const entries = (max: number): number => (plan.tailBytes < 1000 ? Number.NaN : max);
  checker.declare("state", entries(plan.stateTail));
  for (const user of ["ada", "bob"]) checker.declare(`board/${user}`, Number.NaN, true);
  checker.declare("room", entries(plan.roomTail));

  let server: SimServer | undefined;
  let isHealed = false;
  const offsets = new Map<string, number>();
  const clients: SimClient[] = [];
  const lives = plan.clients.map(() => 0);
  let swallowed = 0;

  const start = (): void => {
    const env = clock.envFor("server");
    server = createSimServer(plan, env, checker, clock.rng.fork(`authorize/${checker.life}`).next);
    const { accept } = server;
    network.listen("server", accept, env);
  };
  const countStats = (): void => {
    const { closedSilent, closedStuck, ratePauses, repeatedWrites } = server?.sync.stats() ?? {};
    if (closedSilent) checker.reached("a silent client closed");
    if (closedStuck) checker.reached("a stuck client closed");
    if (ratePauses) checker.reached("a fast writer paused");
    if (repeatedWrites) checker.reached("a write sent again was answered as it was");
  };

  const createOne = (own: ClientPlan, index: number): SimClient => {
    const name = `client${index}`;
    clock.setClock(name, { offsetMs: offsets.get(name) ?? own.clockOffsetMs, rate: own.clockRate });
    const box = createMiddlebox({
      connector: network.connector(name),
      later: (run) => void clock.schedule(name, 5, "offline", run),
      onSend(frame, during) {
        if (!during || !frame.includes("sync/unsubscribe")) return;
        checker.reached(
          during.includes("sync/entries") ? "a hole found by the next entry" : "a hole found by the position check",
        );
      },
      onFrame(frame) {
        if (frame.includes("sync/gap")) checker.reached("a reader overtaken while it was slow");
        if (/:recovered true|"recovered":true/.test(frame)) checker.reached("a resume recovered");
        if (/:resumed true|"resumed":true/.test(frame)) checker.reached("a session resumed");
      },
      onSwallow: () => void swallowed++,
    });
    return new SimClient({ name, life: lives[index] as number, plan, own, env: clock.envFor(name), box, checker });
  };

  const world: World = {
    clock,
    network,
    checker,
    get server() {
      return server;
    },
    restart(isPolite, downMs) {
      if (!server) return;
      countStats();
      if (isPolite) server.close();
      server = undefined;
      const crash = (): void => {
        network.crash("server");
        world.later(downMs, start);
      };
      if (isPolite) world.later(20, crash);
      else crash();
    },
    reload(client, isCrash) {
      const index = clients.indexOf(client);
      if (isCrash) {
        client.vanish();
        network.crash(client.name);
      } else client.end();
      lives[index] = (lives[index] as number) + 1;
      clients[index] = createOne(plan.clients[index] as ClientPlan, index);
    },
    jumpClock(node, byMs) {
      const offsetMs = (offsets.get(node) ?? 0) + byMs;
      offsets.set(node, offsetMs);
      clock.setClock(node, { offsetMs });
    },
    later(delayMs, run) {
      clock.schedule("world", delayMs, "later", () => {
        if (!isHealed) run();
      });
    },
  };

  const lookAtBuffers = (): void => {
    for (const transport of server?.transports ?? []) {
      const { bufferedBytes } = transport;
      if (bufferedBytes > network.faults.bufferBytes + heldBytes) checker.wrong(`a connection holds ${bufferedBytes} bytes`);
    }
  };

  start();
  clients.push(...plan.clients.map(createOne));
  for (const op of plan.ops) {
    clock.schedule("world", op.atMs, `op ${op.name}`, () => {
      opTable[op.name]?.run(world, clients[op.client] as SimClient, op.args);
      lookAtBuffers();
    });
  }
  const result = async (): Promise<Report> => {
    try {
      await clock.run({ untilMs: (plan.ops.at(-1)?.atMs ?? 0) + 500 });
      await settle();
      await rest();
    } catch (error) {
      checker.wrong(`a step threw ${error instanceof Error ? error.stack : error}`);
    }
    const { refused, hung, cuts, halfOpens, clogs, slowed, crashes } = network.counts;
    if (network.counts.lateWords) checker.reached("a late word dropped");
    return {
      seed: plan.seed,
      findings: checker.findings,
      faults: refused + hung + cuts + halfOpens + clogs + slowed + crashes + swallowed,
      delivered: checker.delivered,
      states: checker.states,
      hash: `${clock.traceHash()}/${checker.log >>> 0}`,
      steps: clock.steps,
      simulatedMs: clock.nowMs,
    };
  };

  /** No fault any more: everything becomes equal. */
  const settle = async (): Promise<void> => {
    isHealed = true;
    network.heal();
    if (!server) start();
    for (const client of clients) {
      client.box.offline = false;
      client.box.toSwallow = 0;
      client.readAll();
    }
    const end = clock.nowMs + liveMs;
    let uneven: string | undefined = "not looked at";
    let isLast = false;
    while (uneven && clock.nowMs < end && !checker.findings.length) {
      // A person who waits presses the button; what is said last proves that everybody hears.
      for (const { client } of clients) client.connect();
      // Nothing is on its way on older links, either.
      const isSettled = clients.every((client) => client.isSettled) && network.openLinks === clients.length;
      if (isSettled && !isLast) {
        await clock.advance(1000);
        isLast = true;
        server?.update("push", 1, 1, 1, 0);
        server?.mark("ada");
        server?.mark("bob");
        server?.say(1, 0);
      }
      await clock.advance(500);
      uneven = isLast ? clients.map((client) => client.uneven()).find(Boolean) : "not all were connected and subscribed";
    }
    if (uneven && !checker.findings.length) checker.wrong(`${liveMs} ms after the last fault: ${uneven}`);
    checker.judgeWrites("room");
  };

  /** And quiet. */
  const rest = async (): Promise<void> => {
    if (checker.findings.length) return;
    countStats();
    // What was sent before the last fault may take its time, and a ping may have been too slow for somebody.
    let quietMs = 0;
    for (let tries = 0; tries < 5 && quietMs === 0; tries++) {
      const { connects } = network.counts;
      await clock.advance(2000);
      if (network.counts.connects === connects) quietMs = 2000;
    }
    if (!quietMs) checker.wrong("lines are opened although all are fine");
    const { delivered } = checker;
    await clock.advance(1000);
    if (checker.delivered !== delivered) checker.wrong("something was told although nothing happened");
    const stats = server?.sync.stats();
    if (stats?.connections !== clients.length)
      checker.wrong(`the server counts ${stats?.connections} connections of ${clients.length} clients`);
    for (const client of clients) client.end();
    await clock.advance(3000);
    if (server?.sync.stats().connections) checker.wrong("closed clients are still connected");
  };
  return result();
}

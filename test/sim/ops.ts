/**
 * What can be done to a simulated world: what its people do, and what befalls it.
 *
 * Always: arguments are drawn with the plan; an operation that makes no sense at its moment does nothing.
 */
import type { Rng } from "sente-sync/testing";
import type { SimClient } from "./sim-client.ts";
import type { World } from "./world.ts";

type Args = Readonly<Record<string, number | string>>;

export interface SimOp {
  /** How often, beside the others. */
  readonly weight: number;
  /** In every history. */
  readonly always?: boolean;
  draw?(rng: Rng): Args;
  run(world: World, client: SimClient, args: Args): void;
}

const number = (args: Args, name: string): number => Number(args[name]);

export const opTable: Readonly<Record<string, SimOp>> = {
  update: {
    weight: 20,
    always: true,
    draw: (rng) => ({
      how: rng.pick(["field", "push", "remove", "splice", "set", "same"]),
      count: rng.pick([1, 1, 1, 3]),
      turns: rng.pick([1, 1, 2, 6]),
      pick: rng.int(1000),
      pad: rng.chance(0.02) ? 20_000 : 0,
    }),
    run: (world, _client, args) =>
      world.server?.update(
        String(args["how"]),
        number(args, "count"),
        number(args, "turns"),
        number(args, "pick"),
        number(args, "pad"),
      ),
  },
  board: {
    weight: 5,
    draw: (rng) => ({ cell: rng.pick(["ada", "bob", "eve"]) }),
    run: (world, _client, { cell }) => world.server?.mark(String(cell)),
  },
  say: {
    weight: 12,
    always: true,
    draw: (rng) => ({ count: rng.pick([1, 1, 2, 8]), pad: rng.chance(0.04) ? 9000 : 0 }),
    run: (world, _client, args) => world.server?.say(number(args, "count"), number(args, "pad")),
  },
  publish: {
    weight: 12,
    always: true,
    draw: (rng) => ({ count: rng.pick([1, 1, 2, 6]) }),
    run: (_world, client, args) => client.publish(number(args, "count")),
  },
  bump: { weight: 5, run: (_world, client) => client.bump() },
  watch: {
    weight: 10,
    always: true,
    draw: (rng) => ({ topic: rng.pick(["state", "state", "board"]), slot: rng.int(2) }),
    run: (_world, client, args) => client.toggleAtom(args["topic"] === "board" ? "board" : "state", number(args, "slot")),
  },
  listen: {
    weight: 12,
    always: true,
    draw: (rng) => ({ slot: rng.int(3), from: rng.pick(["latest", "latest", "first", "resume", "recent"]) }),
    run: (_world, client, args) => client.toggleRoom(number(args, "slot"), String(args["from"])),
  },
  disconnect: { weight: 2, run: (_world, client) => client.client.disconnect() },
  connect: { weight: 4, always: true, run: (_world, client) => client.client.connect() },
  reconnect: { weight: 3, run: (_world, client) => client.client.reconnect() },
  reload: {
    weight: 1,
    draw: (rng) => ({ how: rng.pick(["close", "crash"]) }),
    run: (world, client, { how }) => world.reload(client, how === "crash"),
  },
  offline: {
    weight: 2,
    draw: (rng) => ({ forMs: rng.pick([200, 3000]) }),
    run: (world, client, args) => {
      client.box.offline = true;
      world.network.cut(client.name);
      world.later(number(args, "forMs"), () => {
        client.box.offline = false;
      });
    },
  },
  wake: {
    weight: 4,
    draw: (rng) => ({ sign: rng.pick(["visibilitychange", "online", "pageshow"]) }),
    run: (_world, client, { sign }) => client.wake(String(sign)),
  },
  sleep: {
    weight: 1,
    draw: (rng) => ({ forMs: rng.pick([20_000, 3_600_000]) }),
    run: (world, client, args) => world.jumpClock(client.name, number(args, "forMs")),
  },
  restart: {
    weight: 2,
    draw: (rng) => ({ how: rng.pick(["crash", "crash", "close"]), downMs: rng.pick([0, 50, 2000]) }),
    run: (world, _client, args) => world.restart(args["how"] === "close", number(args, "downMs")),
  },
  restartBehind: {
    // The worst moment: words of the old server are still on their way when the client has moved to the new one.
    weight: 2,
    draw: (rng) => ({ clogMs: rng.pick([300, 1500]), afterMs: rng.pick([5, 100]) }),
    run: (world, client, args) => {
      world.network.clog(client.name, number(args, "clogMs"));
      world.server?.say(3, 0);
      world.server?.update("push", 1, 3, 7, 0);
      world.later(number(args, "afterMs"), () => {
        world.restart(false, 0);
        if (!client.isOver) client.client.reconnect();
      });
    },
  },
  slow: {
    weight: 3,
    draw: (rng) => ({ bytesPerMs: rng.pick([0, 0.5, 5]), forMs: rng.pick([500, 4000]) }),
    run: (world, client, args) => {
      world.network.slow(client.name, number(args, "bytesPerMs"));
      world.later(number(args, "forMs"), () => world.network.slow(client.name, Number.POSITIVE_INFINITY));
    },
  },
  halfOpen: {
    weight: 2,
    draw: (rng) => ({ way: rng.pick(["in", "out"]) }),
    run: (world, client, { way }) => world.network.halfOpen(client.name, way === "in" ? "in" : "out"),
  },
  cut: {
    weight: 4,
    draw: (rng) => ({ told: rng.pick(["both", "near", "far", "none"]) }),
    run: (world, client, { told }) => world.network.cut(client.name, told as "both" | "near" | "far" | "none"),
  },
  clog: {
    weight: 3,
    draw: (rng) => ({ forMs: rng.pick([100, 1500, 6000]) }),
    run: (world, client, args) => world.network.clog(client.name, number(args, "forMs")),
  },
  refuse: {
    weight: 1,
    draw: (rng) => ({ forMs: rng.pick([100, 2000]) }),
    run: (world, _client, args) => {
      world.network.refuse("server", true);
      world.later(number(args, "forMs"), () => world.network.refuse("server", false));
    },
  },
  hang: {
    weight: 1,
    draw: (rng) => ({ forMs: rng.pick([500, 3000]) }),
    run: (world, client, args) => {
      world.network.hang("server", true);
      client.client.reconnect();
      world.later(number(args, "forMs"), () => world.network.hang("server", false));
    },
  },
  swallow: {
    weight: 2,
    run: (_world, client) => {
      client.box.toSwallow = 1;
    },
  },
};

export const opNames: readonly string[] = Object.keys(opTable);

/**
 * The faults that strike one node at one moment: how each is drawn, and what it does to a world. Those of links and of calls to the
 * disk are rates of the network and of the disk, and happen by themselves.
 *
 * Always: what a fault begins it ends as well, unless the world is healed first.
 * Rules: docs/protocol/transports.md SIM18.
 */
import type { Told } from "./memory-network.ts";
import type { Rng } from "./rng.ts";
import type { SimulatedClient } from "./simulated-client.ts";
import type { World } from "./world.ts";

export type FaultName =
  | "cut"
  | "half-open"
  | "clog"
  | "stall"
  | "slow"
  | "offline"
  | "refuse"
  | "hang"
  | "sleep"
  | "client-crash"
  | "client-close"
  | "client-copy"
  | "server-kill"
  | "server-power"
  | "server-stop"
  | "server-clock"
  | "disk-full"
  | "disk-sync";

type Args = Readonly<Record<string, number | string>>;

interface Fault {
  /** How much rarer than others: what ends a life ends much else. */
  readonly rarity: number;
  draw(rng: Rng): Args;
  run(world: World<unknown, unknown, unknown>, client: SimulatedClient<unknown>, args: Args): void;
}

const maxClients = 8;

const number = (args: Args, name: string): number => args[name] as number;
const downMs = (rng: Rng): number => rng.pick([0, 50, 2000]);

export const faultTable: Readonly<Record<FaultName, Fault>> = {
  cut: {
    rarity: 1,
    draw: (rng) => ({ told: rng.pick(["both", "near", "far", "none"]) }),
    run: ({ network }, { name }, { told }) => network.cut(name, told as Told),
  },
  "half-open": {
    rarity: 2,
    draw: (rng) => ({ way: rng.pick(["in", "out"]) }),
    run: ({ network }, { name }, { way }) => network.halfOpen(name, way as "in" | "out"),
  },
  clog: {
    rarity: 1,
    draw: (rng) => ({ forMs: rng.pick([100, 1500, 6000]) }),
    run: ({ network }, { name }, args) => network.clog(name, number(args, "forMs")),
  },
  // What was on its way comes late, when the client has long gone on over another line.
  stall: {
    rarity: 1,
    draw: (rng) => ({ forMs: rng.pick([300, 1500, 6000]), afterMs: rng.pick([5, 50]) }),
    run(world, client, args) {
      world.network.stall(client.name, number(args, "forMs"));
      world.later(number(args, "afterMs"), () => {
        if (client.isUp) client.client.reconnect();
      });
    },
  },
  slow: {
    rarity: 2,
    draw: (rng) => ({ bytesPerMs: rng.pick([0, 0.5, 5]), forMs: rng.pick([500, 4000]) }),
    run(world, { name }, args) {
      world.network.slow(name, number(args, "bytesPerMs"));
      world.later(number(args, "forMs"), () => world.network.slow(name, Number.POSITIVE_INFINITY));
    },
  },
  offline: {
    rarity: 2,
    draw: (rng) => ({ forMs: rng.pick([200, 3000, 20_000]) }),
    run(world, client, args) {
      client.offline();
      world.later(number(args, "forMs"), () => client.online());
    },
  },
  refuse: {
    rarity: 4,
    draw: (rng) => ({ forMs: rng.pick([100, 2000]) }),
    run(world, _client, args) {
      world.network.refuse("server", true);
      world.later(number(args, "forMs"), () => world.network.refuse("server", false));
    },
  },
  hang: {
    rarity: 4,
    draw: (rng) => ({ forMs: rng.pick([500, 3000]) }),
    run(world, client, args) {
      world.network.hang("server", true);
      client.cut();
      world.later(number(args, "forMs"), () => world.network.hang("server", false));
    },
  },
  sleep: {
    rarity: 4,
    draw: (rng) => ({ forMs: rng.pick([20_000, 3_600_000]) }),
    run: (world, { name }, args) => world.jumpClock(name, number(args, "forMs")),
  },
  "client-crash": {
    rarity: 2,
    draw: (rng) => ({ downMs: downMs(rng) }),
    run: (_world, client, args) => client.crash(number(args, "downMs")),
  },
  "client-close": {
    rarity: 4,
    draw: (rng) => ({ downMs: downMs(rng) }),
    run: (_world, client, args) => client.close(number(args, "downMs")),
  },
  // Another page of the user, with a copy of what that one has kept: a restored backup.
  "client-copy": {
    rarity: 8,
    draw: () => ({}),
    run(world, client) {
      if (client.store && world.clients.length < maxClients) world.client({ like: client });
    },
  },
  "server-kill": {
    rarity: 2,
    draw: (rng) => ({ downMs: downMs(rng) }),
    run: ({ server }, _client, args) => server.crash("kill", number(args, "downMs")),
  },
  "server-power": {
    rarity: 2,
    // Often the process dies first, and the next one has begun when the power goes.
    draw: (rng) => ({ downMs: downMs(rng), killedMs: rng.pick([0, 150, 600]) }),
    run(world, _client, args) {
      const killedMs = number(args, "killedMs");
      if (killedMs) world.server.crash("kill", 0);
      world.later(killedMs, () => world.server.crash("power", number(args, "downMs")));
    },
  },
  "server-stop": {
    rarity: 4,
    draw: (rng) => ({ downMs: downMs(rng) }),
    run: ({ server }, _client, args) => server.stop(number(args, "downMs")),
  },
  "server-clock": {
    rarity: 8,
    draw: (rng) => ({ byMs: rng.pick([-60_000, 60_000, 86_400_000]) }),
    run: (world, _client, args) => world.jumpClock("server", number(args, "byMs")),
  },
  "disk-full": {
    rarity: 3,
    draw: (rng) => ({ forMs: rng.pick([200, 3000, 10_000]) }),
    run(world, _client, args) {
      world.server.fillDisk();
      world.later(number(args, "forMs"), () => world.server.freeDisk());
    },
  },
  "disk-sync": {
    rarity: 3,
    // Often a client comes back while what failed is being taken back, and sends again what it was not told of.
    draw: (rng) => ({ times: rng.pick([1, 1, 3]), cutMs: rng.pick([0, 0, 30, 100]) }),
    run(world, client, args) {
      world.server.failSyncs(number(args, "times"));
      const cutMs = number(args, "cutMs");
      if (cutMs) world.later(cutMs, () => world.network.cut(client.name, "both"));
    },
  },
};

export const faultNames = Object.keys(faultTable) as readonly FaultName[];

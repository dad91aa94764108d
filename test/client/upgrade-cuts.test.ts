/**
 * The exchange of a move, broken at every one of its frames: the old connection, the new one or both, heard of or not. Whatever is left,
 * the client recovers, and nothing of the move remains.
 */
import { msgpack } from "sente-sync/packers/msgpack";
import { expect, test } from "vitest";
import { createMoving, type Link, type Moving, type Way } from "./moving.ts";
import { startTraffic } from "./traffic.ts";

interface Case {
  readonly link: number;
  readonly way: Way;
  readonly nth: number;
  readonly targets: readonly number[];
  readonly how: "cut" | "deafen";
}

interface Scenario {
  create(): Moving;
  /** When the move begins; before it nothing is broken. */
  readonly startMs: number;
  start(world: Moving): void;
}

const scenarios: Record<string, Scenario> = {
  "to a better packer": { create: () => createMoving({ seed: "packer", packers: [msgpack()] }), startMs: 0, start() {} },
  "to a better transport": {
    create: () => createMoving({ seed: "climb" }),
    startMs: 12,
    start: (world) => world.tap.climb(),
  },
};

const trafficMs = 24;

/** Runs it, breaking what the case says; without one, tells how many frames passed on either connection while it moved. */
async function run(scenario: Scenario, broken?: Case) {
  const world = scenario.create();
  const { tap, network, sync, client } = world;
  const traffic = startTraffic(world, trafficMs);
  let isBroken = false;
  /** Frames of each connection when the first one ended. */
  let moved: Link["counts"][] = [];
  tap.onFrame = (link, way) => {
    const at = tap.links.indexOf(link);
    if (!broken) {
      if (at === 0 && !link.isOver) moved = tap.links.map(({ counts }) => ({ ...counts }));
      return;
    }
    if (isBroken || at !== broken.link || way !== broken.way || link.counts[way] !== broken.nth) return;
    isBroken = true;
    for (const target of broken.targets) tap.links[target]?.[broken.how]();
  };
  await world.advance(scenario.startMs);
  const before = tap.links.map(({ counts }) => ({ ...counts }))[0];
  scenario.start(world);
  await world.advance(trafficMs + 6000);
  world.counter.update((draft) => void draft.n++);
  await world.advance(100);

  const about = JSON.stringify(broken);
  try {
    traffic.check();
    if (!broken) traffic.checkWhole();
    expect(client.status.get().name).toBe("connected");
    expect(network.openLinks, "links").toBe(1);
    expect(sync.stats().connections, "connections").toBe(1);
    expect(tap.links.filter(({ isOver }) => !isOver).length, "client's ends").toBe(1);
    if (broken) expect(isBroken, "the frame came").toBe(true);
    expect(await world.close(), "what is left").toBe("idle");
  } catch (error) {
    throw new Error(`${about}: ${error}\n${world.statuses.join(", ")}\n${world.errors.slice(0, 3).join("\n")}`);
  }
  return { before, moved };
}

for (const [name, scenario] of Object.entries(scenarios)) {
  test(`MOVE9, MOVE10 and MOVE14 broken at any frame of a move ${name}, all recover: every reader is right, every request settles, one connection is left`, async () => {
    const { before = { up: 0, down: 0 }, moved } = await run(scenario);
    const [old, fresh] = moved;
    if (!old || !fresh) throw new Error("It did not move.");
    const cases: Case[] = [];
    for (const [link, counts] of [old, fresh].entries()) {
      for (const way of ["up", "down"] as const) {
        // Of the old connection those around its end, of the new one those around its beginning.
        const first = link === 0 ? Math.max(before[way], counts[way] - 16) : 0;
        for (let nth = first + 1; nth <= Math.min(counts[way], first + 16); nth++) {
          for (const targets of [[0], [1], [0, 1]]) {
            for (const how of ["cut", "deafen"] as const) cases.push({ link, way, nth, targets, how });
          }
        }
      }
    }
    for (const each of cases) await run(scenario, each);
    expect(cases.length).toBeGreaterThan(100);
  });
}

/** How long a killed server takes until a topic of it can be read again, with so many entries in its log. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HouseOptions } from "./contract.ts";
import { probe } from "./crowd.ts";
import { bundle, startLife } from "./process.ts";

const lives = 5;

/** The median of a few lives, ms from the start of the process. */
export async function readyAfter(entries: number): Promise<number> {
  const root = await mkdtemp(join(tmpdir(), "deaths-"));
  const [data, portFile, program] = ["data", "port.json", "house.mjs"].map((name) => join(root, name)) as [
    string,
    string,
    string,
  ];
  await bundle(program);
  const house: HouseOptions = { data, portFile, durability: "strict", segmentBytes: 1 << 24, churnBytes: 0, prefill: entries };
  const taken: number[] = [];
  try {
    for (let i = 0; i <= lives; i++) {
      const life = startLife(program, house);
      try {
        await life.ready;
        await probe(portFile);
        // The first one made the entries.
        if (i > 0) taken.push(performance.now() - life.startedMs);
      } finally {
        await life.end("SIGKILL");
      }
    }
  } finally {
    await rm(root, { recursive: true, force: true });
  }
  return taken.sort((a, b) => a - b)[lives >> 1] as number;
}

import { test } from "vitest";
import { runHistory } from "./histories.ts";

const [from, to] = (process.env["SEEDS"] ?? "1-20").split("-").map(Number) as [number, number];
const level = (process.env["LEVEL"] ?? "channel-strict") as "channel-strict";
test("try", { timeout: 600_000 }, async () => {
  let [bad, steps] = [0, 0];
  const t = performance.now();
  for (let seed = from; seed <= to && bad < Number(process.env["MAX"] ?? 1); seed++) {
    const { report, failure } = await runHistory(level, seed, process.env["SHRINK"] ? 200 : 0);
    steps += report?.steps ?? 0;
    if (failure) {
      bad++;
      console.log("SEED", seed, failure.slice(0, process.env["SHRINK"] ? 6000 : 200));
    }
  }
  console.log("bad", bad, steps, "steps", performance.now() - t, "ms");
});

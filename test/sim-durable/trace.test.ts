import { writeFileSync } from "node:fs";
import { simulate } from "sente-sync/testing";
import { test } from "vitest";
import { atomHistory } from "./atom-history.ts";
import { channelHistory } from "./channel-history.ts";

test("trace", { timeout: 600_000 }, async () => {
  const lines: string[] = [];
  const seed = Number(process.env["SEED"]);
  const [k, l] = (process.env["LEVEL"] ?? "channel-strict").split("-") as ["atom", "strict"];
  const opts: any = k === "atom" ? atomHistory(seed, l) : channelHistory(seed, l);
  try {
    await simulate({
      ...opts,
      shrinkRuns: process.env["SHRINK"] ? 300 : 0,
      onTrace: (a, n, w) => void lines.push(`${a.toFixed(2)} ${n} ${w}`),
    });
  } catch (e) {
    console.log((e as Error).message.slice(0, 7000));
    if (process.env["SHRINK"]) {
      lines.length = 0;
      try {
        await simulate({
          ...opts,
          tape: (e as any).tape,
          shrinkRuns: 0,
          onTrace: (a, n, w) => void lines.push(`${a.toFixed(2)} ${n} ${w}`),
        });
      } catch {}
    }
  }
  writeFileSync("/tmp/trace.txt", lines.join("\n"));
});

import { test } from "vitest";
import { bundleDurable } from "./bundles.ts";
import { kinds, type Summary } from "./histories.ts";

test("m", { timeout: 600_000 }, async () => {
  const p = await bundleDurable((process.env["LIMITS"] ?? "tight") as "tight");
  for (const kind of kinds) {
    if (process.env["ONLY"] && process.env["ONLY"] !== kind) continue;
    const s = (await p.run(kind, Number(process.env["FROM"] ?? 1), Number(process.env["COUNT"] ?? 40), 5, 0)) as Summary;
    console.log(
      kind,
      JSON.stringify({ ...s, failures: s.failures.map(({ seed, message }) => [seed, message.split("\n")[0]]) }, null, 1),
    );
  }
  await p.remove();
});

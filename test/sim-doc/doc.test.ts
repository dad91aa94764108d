/**
 * Documents converge, whatever breaks and whoever lies: the quick tier.
 * Rules: docs/protocol/doc.md DOC27-DOC29; docs/protocol/yjs-peers.md YPEER18; docs/protocol/doc-versions.md VDOC16.
 */
import { afterAll, expect, test } from "vitest";
import { bundleProgram, type Program } from "../sim/bundle.ts";
import { quickSeeds, runHistories, type Summary } from "./histories.ts";

const [from, count] = quickSeeds;
/** What is meant is 25 s of one core; a machine may be four times as slow. */
const allowedCpuMs = 100_000;

const rareStates: readonly (readonly [title: string, state: string, atLeast: number])[] = [
  ["DOC12 updates were joined while others were on their way", "updates that were joined", 50],
  ["DOC5 a hostile peer was refused for a gap", "hostile bytes refused: gap", 30],
  ["DOC6 a hostile peer was refused for a client id of another", "hostile bytes refused: forbidden", 20],
  ["DOC4 a hostile peer was refused for bytes that are no update", "hostile bytes refused: malformed", 30],
  ["DOC20 a session went on over another line", "a session gone on with", 100],
  ["IDLE2 a document was let go, and came back", "a document that was let go", 15],
  ["DOC29 a document was rebuilt from its log", "a document rebuilt from its log", 80],
  ["YPEER18 pages of y-websocket edited", "an edit of a peer: y-websocket, honest", 20],
  ["YPEER18 pages of Hocuspocus edited", "an edit of a peer: Hocuspocus, honest", 20],
  ["YPEER8 readers among them edited, and ended without it", "a peer that ended equal: reader", 10],
  ["YPEER7 an edit of one of them was refused, and stored later", "an edit of a peer that was refused", 10],
  ["YPEER6 one of them sent what it likes", "a peer that sent what it likes", 10],
  ["VDOC16 versions were found in the log, each as the document was at one moment", "versions found in the log", 60],
  ["VDOC16 versions were looked at again", "a version looked at again", 60],
  ["VDOC5 versions were made by themselves", "a version made by itself", 30],
  ["VDOC8 versions were compared", "two versions compared", 30],
  ["VDOC12 pages went back", "a page went back", 10],
  ["VDOC13 the server went back", "the server went back", 2],
];

let program: Promise<Program> | undefined;
let summary: Promise<Summary> | undefined;

async function runAll(): Promise<Summary> {
  program = bundleProgram(new URL("./entry.ts", import.meta.url));
  return (await (await program).run(from, count, 1, 200)) as Summary;
}
const histories = (): Promise<Summary> => (summary ??= runAll());

afterAll(async () => (await program)?.remove());

test(`DOC27 DOC28 DOC29 YPEER18 VDOC16 hold in ${count} histories`, { timeout: 300_000 }, async () => {
  const { seeds, failures, full, stored, faults, lives, simulatedMs, cpuMs } = await histories();
  console.log(
    `${seeds} histories of ${(simulatedMs / 3_600_000).toFixed(1)} h in ${(cpuMs / 1000).toFixed(1)} s of one core: ${stored} edits ` +
      `stored under ${faults} faults in ${lives} lives of servers; ${full} stored 20 under 3 faults`,
  );
  for (const { seed, message, trace } of failures) expect.fail(`seed ${seed}: ${message}\n${trace.join("\n")}`);
  expect(seeds).toBe(count);
  expect(full).toBeGreaterThanOrEqual(count * 0.8);
  expect(cpuMs).toBeLessThan(allowedCpuMs);
});

test("a history is run again, in another process, and is the same to the last step", async () => {
  const { hash } = await histories();
  expect((await runHistories(from, 1, 1, 0)).hash).toBe(hash);
});

test.each(rareStates)("%s", async (_title, state, atLeast) => {
  const { states } = await histories();
  expect(states[state] ?? 0).toBeGreaterThanOrEqual(atLeast);
});

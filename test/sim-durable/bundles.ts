/**
 * The durable histories as programs: of the source as it is, and of the same source with its limits drawn tight, so that what
 * happens once in a thousand writes happens in every history.
 */
import { bundleProgram, type Patch, type Program } from "../sim/bundle.ts";

const entry = new URL("./entry.ts", import.meta.url);

/** Snapshots every few entries, offsets known of a few writes only, messages of a few operations. */
const tight: readonly Patch[] = [
  {
    file: "src/server/topic-state.ts",
    text: "const saveEvery = { entries: 1000, bytes: 1024 * 1024 };",
    instead: "const saveEvery = { entries: 7, bytes: 2000 };",
  },
  {
    file: "src/server/topic-state.ts",
    text: "const replayChunk = { maxEntries: 4096, maxBytes: 4 * 1024 * 1024 };",
    instead: "const replayChunk = { maxEntries: 2, maxBytes: 4 * 1024 * 1024 };",
  },
  { file: "src/server/writers.ts", text: "const exact = 64;", instead: "const exact = 3;" },
  { file: "src/client/write-queue.ts", text: "const maxOps = 256;", instead: "const maxOps = 4;" },
  { file: "src/server/shared-host.ts", text: "const compactEvery = 1000;", instead: "const compactEvery = 5;" },
];

export type Limits = "default" | "tight";

export function bundleDurable(limits: Limits, patches: readonly Patch[] = []): Promise<Program> {
  return bundleProgram(entry, limits === "tight" ? [...tight, ...patches] : patches);
}

/**
 * A simulation and the product's real source as one file, for processes of their own: to use both cores, and to run
 * a source with a bug planted in it.
 *
 * Always: a bug's text stands in its file exactly once, or planting it fails; nothing of the source tree is written.
 */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import type { Range, Summary } from "./histories.ts";

/** In `file`, `text` becomes `instead`. */
export interface Patch {
  readonly file: string;
  readonly text: string;
  readonly instead: string;
}

export interface Program {
  /** What it prints, read as JSON. */
  run(...args: readonly (string | number)[]): Promise<unknown>;
  remove(): Promise<void>;
}

export interface Bundle {
  run(range: Range): Promise<Summary>;
  remove(): Promise<void>;
}

const root = new URL("../..", import.meta.url).pathname;
/** Nearly all that a history makes is garbage soon: room for it, and no threads that compete for the cores, cost a tenth less. */
const memory = ["--max-semi-space-size=64", "--single-threaded-gc"];
const execute = promisify(execFile);

/** The test of resume, `entry.ts`. */
export async function bundleSimulation(patches: readonly Patch[] = []): Promise<Bundle> {
  const { run, remove } = await bundleProgram(new URL("./entry.ts", import.meta.url), patches);
  return { run: async ({ from, count, maxFailures }) => (await run(from, count, maxFailures)) as Summary, remove };
}

/** The program that begins with the file `entry`. */
export async function bundleProgram(entry: URL, patches: readonly Patch[] = []): Promise<Program> {
  const folder = await mkdtemp(join(tmpdir(), "sente-sync-sim-"));
  const outfile = join(folder, "simulation.cjs");
  const planted = new Set<Patch>();
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  const building = build({
    absWorkingDir: root,
    entryPoints: [entry.pathname],
    outfile,
    bundle: true,
    platform: "node",
    format: "cjs",
    conditions: ["source"],
    logLevel: "silent",
    plugins: [
      {
        name: "plant",
        setup({ onLoad }) {
          onLoad({ filter: /\.ts$/ }, async ({ path }) => {
            const own = patches.filter(({ file }) => path === join(root, file));
            if (!own.length) return undefined;
            let contents = await readFile(path, "utf8");
            for (const patch of own) {
              const times = contents.split(patch.text).length - 1;
              if (times !== 1) throw new Error(`${patch.file} has this ${times} times, not once: ${patch.text}`);
              contents = contents.replace(patch.text, () => patch.instead);
              planted.add(patch);
            }
            return { contents, loader: "ts" };
          });
        },
      },
    ],
  });
  try {
    await building;
    const missing = patches.find((patch) => !planted.has(patch));
    if (missing) throw new Error(`The simulation does not load ${missing.file}.`);
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    async run(...args) {
      const { stdout } = await execute(process.execPath, [...memory, outfile, ...args.map(String)], {
        maxBuffer: 1 << 26,
        timeout: 300_000,
      });
      return JSON.parse(stdout) as unknown;
    },
    remove,
  };
}

/**
 * A life of the server: a real process, from its start to its end.
 *
 * Its program is bundled from the sources once: it starts a hundred times, and what is measured is to be ours, not the compiler's.
 * Always: it is ended by its own handle; one that ends before it was told to fails whoever waits for it, with what it complained of.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build } from "esbuild";
import type { HouseOptions } from "./contract.ts";

const source = fileURLToPath(new URL("house.ts", import.meta.url));
/** `ws` is CommonJS. */
const js = 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);';

/** Makes the program of the server. */
export async function bundle(program: string): Promise<void> {
  const esm: BuildOptions = { bundle: true, platform: "node", format: "esm", conditions: ["source"], banner: { js } };
  await build({ ...esm, entryPoints: [source], outfile: program });
}

export interface Life {
  /** It is about to open its folder; `ms` since it was started. */
  readonly opening: Promise<{ readonly ms: number }>;
  /** It listens; `head` is the newest entry that it found. */
  readonly ready: Promise<{ readonly ms: number; readonly head: number }>;
  readonly startedMs: number;
  /** What it wrote to stderr. */
  readonly complaint: string;
  end(
    signal: "SIGKILL" | "SIGTERM",
  ): Promise<{ readonly code: number | null; readonly signal: string | null; readonly ms: number }>;
}

export function startLife(program: string, options: HouseOptions): Life {
  const startedMs = performance.now();
  const child: ChildProcess = spawn(process.execPath, [program, JSON.stringify(options)], { stdio: ["ignore", "pipe", "pipe"] });
  let complaint = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    complaint += text;
  });
  const ended = once(child, "close") as Promise<[number | null, string | null]>;
  const lines = createInterface(child.stdout as NodeJS.ReadableStream);
  const says = (pattern: RegExp): Promise<{ ms: number; head: number }> => {
    const said = new Promise<{ ms: number; head: number }>((resolve, reject) => {
      lines.on("line", (line) => {
        const match = pattern.exec(line);
        if (match) resolve({ ms: performance.now() - startedMs, head: Number(match[1] ?? 0) });
      });
      const tooEarly = (code: unknown): void => reject(new Error(`The server ended with ${code}: ${complaint}`));
      ended.then(([code, signal]) => tooEarly(signal ?? code), tooEarly);
    });
    // One that is killed first is waited for by nobody.
    said.catch(() => {});
    return said;
  };
  return {
    opening: says(/^opening$/),
    ready: says(/^ready (\d+)$/),
    startedMs,
    get complaint() {
      return complaint;
    },
    async end(signal) {
      const askedMs = performance.now();
      child.kill(signal);
      const [code, by] = await ended;
      return { code, signal: by, ms: performance.now() - askedMs };
    },
  };
}

/**
 * Programs that tests run as processes of their own, bundled from the sources once: a bundle starts several times as fast as a
 * compiler that starts with every process.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll } from "vitest";

/** `ws` is CommonJS. */
const js = 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);';

/** Path of what will be bundled from `source` when the tests of this file begin: an argument of node. */
export function childProgram(source: URL): string {
  const folder = mkdtempSync(join(tmpdir(), "sente-sync-child-"));
  const outfile = join(folder, `${basename(source.pathname, ".ts")}.mjs`);
  beforeAll(async () => {
    const entryPoints = [fileURLToPath(source)];
    await build({ entryPoints, outfile, bundle: true, platform: "node", format: "esm", conditions: ["source"], banner: { js } });
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  return outfile;
}

/**
 * Where the browser for browser tests is. Without one those tests are skipped, and report-skips.ts says so;
 * where CI is set a missing browser is an error, so that CI skips nothing.
 *
 *     const path = chromiumPath();
 *     test.skipIf(path === undefined)("REACT1 …", async () => { const browser = await launchChromium(); … });
 */
import { accessSync, constants } from "node:fs";
import { delimiter } from "node:path";
import { type Browser, chromium } from "playwright-core";

export const chromiumHint = "install Debian's chromium or set CHROMIUM_PATH";

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Path of the browser, or undefined where there is none. Throws there if CI is set, or if CHROMIUM_PATH names nothing. */
export function chromiumPath(env: Record<string, string | undefined> = process.env): string | undefined {
  const named = env["CHROMIUM_PATH"];
  if (named) {
    if (!isExecutable(named)) throw new Error(`CHROMIUM_PATH is ${named}, which cannot be executed.`);
    return named;
  }
  const folders = ["/usr/bin", ...(env["PATH"] ?? "").split(delimiter).filter(Boolean)];
  for (const name of ["chromium", "chromium-browser", "google-chrome"]) {
    const found = folders.map((folder) => `${folder}/${name}`).find(isExecutable);
    if (found !== undefined) return found;
  }
  if (env["CI"]) throw new Error(`CI is set and no Chromium was found: ${chromiumHint}.`);
  return undefined;
}

/** Starts the browser; close it in the test that opened it. */
export async function launchChromium(): Promise<Browser> {
  const executablePath = chromiumPath();
  if (executablePath === undefined) throw new Error(`No Chromium found: ${chromiumHint}.`);
  // Containers and root have no user namespace for the sandbox; the pages are our own. With sites kept apart, Chromium would start
  // a second process beside each page, for a site to come.
  const args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-site-isolation-trials"];
  return chromium.launch({ executablePath, args });
}

/**
 * The last words of a test run: what was skipped and why, in plain text, then `N passed, N failed` on a line of its own.
 *
 * Always: a file that could not be loaded and an error outside any test count as failures; where CI is set a skipped test
 * fails the run.
 */
import { readFileSync } from "node:fs";
import type { Reporter, TestModule } from "vitest/node";
import { chromiumHint } from "./chromium.ts";

export interface Tally {
  passed: number;
  failed: number;
  /** Skipped in files that need a browser. */
  browser: number;
  /** Full names of all other skipped tests. */
  other: string[];
}

/** Browser tests ask where Chromium is, so their file names the helper that knows. */
const needsBrowser = (text: string): boolean => text.includes("support/chromium");

export function tally(modules: readonly TestModule[], unhandledErrors: number): Tally {
  const count: Tally = { passed: 0, failed: unhandledErrors, browser: 0, other: [] };
  for (const module of modules) {
    const isBrowser = needsBrowser(readFileSync(module.moduleId, "utf8"));
    count.failed += module.errors().length;
    for (const suite of module.children.allSuites()) count.failed += suite.errors().length;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === "passed") count.passed++;
      else if (state === "failed") count.failed++;
      else if (isBrowser) count.browser++;
      else count.other.push(`${module.relativeModuleId}: ${test.fullName}`);
    }
  }
  return count;
}

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;

/** The lines to print. */
export function report({ passed, failed, browser, other }: Tally, isCi: boolean): string[] {
  const lines: string[] = [];
  if (browser > 0) lines.push(`Skipped: ${plural(browser, "browser test")} (no Chromium found; ${chromiumHint})`);
  if (other.length > 0) lines.push(`Skipped: ${plural(other.length, "other test")}`, ...other.map((name) => `  ${name}`));
  const skipped = browser + other.length;
  if (isCi && skipped > 0) lines.push("CI skips nothing: these count as a failed run.");
  lines.push(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
  return lines;
}

export default class ReportSkips implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const count = tally(modules, errors.length);
    const isCi = Boolean(process.env["CI"]);
    if (isCi && count.browser + count.other.length > 0) process.exitCode = 1;
    // Not console.log: Vitest gathers that; this stays the last thing on the screen.
    process.stdout.write(`\n${report(count, isCi).join("\n")}\n`);
  }
}

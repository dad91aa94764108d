/** The last lines of a test run, and where a browser is looked for. */
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { chromiumPath } from "./chromium.ts";
import { report } from "./report-skips.ts";

test("a run that skipped nothing ends with passed and failed alone", () => {
  expect(report({ passed: 12, failed: 0, browser: 0, other: [] }, false)).toEqual(["12 passed, 0 failed"]);
});

test("skipped browser tests are counted, with what would help", () => {
  expect(report({ passed: 3, failed: 1, browser: 6, other: [] }, false)).toEqual([
    "Skipped: 6 browser tests (no Chromium found; install Debian's chromium or set CHROMIUM_PATH)",
    "3 passed, 1 failed, 6 skipped",
  ]);
});

test("tests skipped for any other reason are named, and CI refuses them", () => {
  const lines = report({ passed: 0, failed: 0, browser: 0, other: ["test/a.test.ts: a sentence"] }, true);
  expect(lines).toEqual([
    "Skipped: 1 other test",
    "  test/a.test.ts: a sentence",
    "CI skips nothing: these count as a failed run.",
    "0 passed, 0 failed, 1 skipped",
  ]);
});

test("Chromium is taken from CHROMIUM_PATH first, and a wrong one is an error", () => {
  expect(chromiumPath({ CHROMIUM_PATH: process.execPath })).toBe(process.execPath);
  expect(() => chromiumPath({ CHROMIUM_PATH: "/nowhere/chromium" })).toThrow(/cannot be executed/);
});

test("Chromium is found on the PATH under any of its names", () => {
  const folder = mkdtempSync(`${tmpdir()}/chromium-`);
  try {
    symlinkSync(process.execPath, `${folder}/google-chrome`);
    // The usual place wins where it exists, so the answer is one of the two.
    expect(chromiumPath({ PATH: folder })).toMatch(/^(\/usr\/bin\/|.*\/google-chrome$)/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

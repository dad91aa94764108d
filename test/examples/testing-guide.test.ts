/** The guide to testing: its tests are tests of ours, as they stand. */
import "../../examples/guides/testing/poll.test.ts";
import "../../examples/guides/testing/faults.test.ts";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";

test("the guide's test for node:test passes there", async () => {
  const args = ["--conditions=source", "--import", "tsx", "--test", "examples/guides/testing/faults-node.ts"];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: new URL("../..", import.meta.url) });
  expect(stdout).toMatch(/pass 1\b/);
});

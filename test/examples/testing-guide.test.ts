/** The guide to testing: its tests are tests of ours, as they stand. */
import "../../examples/guides/testing/poll.test.ts";
import "../../examples/guides/testing/faults.test.ts";
import "../../examples/guides/testing/contracts.test.ts";
import "../../examples/guides/testing/kind.test.ts";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";

test("the guide's tests for node:test pass there", async () => {
  const files = ["faults-node.ts", "contracts-node.ts"].map((name) => `examples/guides/testing/${name}`);
  const args = ["--conditions=source", "--import", "tsx", "--test", ...files];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: new URL("../..", import.meta.url) });
  expect(stdout).toMatch(/pass 31\b/);
});

import { expect, test, vi } from "vitest";

test("the guide to authentication: a token that lives for a moment is renewed, missed, and shown again", async () => {
  const printed = vi.spyOn(console, "log").mockImplementation(() => {});
  const { seen } = await import("../../examples/guides/authentication.ts");
  expect(seen.renewed).toEqual(["connecting", "connected"]);
  expect(seen.states.slice(2, 3)).toEqual(["needs-auth"]);
  expect([seen.states.at(-1), seen.user]).toEqual(["connected", { id: "bob" }]);
  expect(printed).toHaveBeenCalledWith("Please sign in:", "`auth` gave no token: nobody is signed in.");
  vi.restoreAllMocks();
});

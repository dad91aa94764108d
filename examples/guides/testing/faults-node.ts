// #region node
import assert from "node:assert/strict";
import { test } from "node:test";
import { simulate } from "sente-sync/testing";
import { openPoll, servePoll } from "./poll.ts";

await test("a page that is cut off in the middle of a vote counts once", async () => {
  const world = simulate({ seed: 2, install: servePoll, open: openPoll });
  const ada = world.client();
  await world.settle();
  ada.app.vote("yes");
  ada.cut();
  await world.settle();
  assert.equal(world.server.app.get().yes, 1);
});
// #endregion

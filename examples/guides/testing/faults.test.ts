// #region vitest
import { simulate } from "sente-sync/testing";
import { expect, test } from "vitest";
import { openPoll, servePoll } from "./poll.ts";

test("every vote is counted once, whatever breaks between the page and the server", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    await simulate({
      seed,
      ops: 50,
      install: servePoll, // what your application does with a server
      open: openPoll, // and with a client
      model: () => ({ votes: 0 }), // what the test knows
      workload: {
        vote({ client, model }) {
          client.app.vote("yes");
          model.votes++;
        },
      },
      // The poll counts in memory: its server and its pages stay.
      without: ["server-kill", "server-power", "server-stop", "client-crash", "client-close"],
      // Faults are over, everybody is back and has an answer to everything.
      after({ server, clients, model }) {
        expect(server.app.get().yes).toBe(model.votes);
        for (const { app } of clients) expect(app.count.get()?.yes).toBe(model.votes);
      },
    });
  }
});
// #endregion

// #region directed
test("a vote that was made offline is counted when the page is back", async () => {
  const world = simulate({ seed: 1, install: servePoll, open: openPoll });
  const ada = world.client({ user: { id: "ada" } });
  await world.settle();

  ada.offline();
  const vote = ada.app.vote("no");
  await world.advance("10m");
  expect(vote.status).toBe("local");

  ada.online();
  await world.settle();
  expect([vote.status, world.server.app.get().no]).toEqual(["stored", 1]);
});
// #endregion

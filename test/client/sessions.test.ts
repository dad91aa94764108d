/** What a new session does to writes that have no answer. Rules: docs/protocol/writes.md OUTBOX2-OUTBOX4. */
import { expect, test } from "vitest";
import { coreOf } from "../../src/client/client.ts";
import { writesOf } from "../../src/client/writes.ts";
import { codeOf, createOutboxWorld, MemoryDisk } from "./outbox-world.ts";

test("OUTBOX2 under a new session what was never sent is sent, and what was ends in session-lost", async () => {
  const world = createOutboxWorld();
  const tab = world.tab();
  await world.advance(10);
  tab.deaf();
  const sent = ["a", "b"].map((text) => tab.room.publish("said", text));
  await world.advance(10);
  tab.offline();
  const unsent = ["c", "d"].map((text) => tab.room.publish("said", text));
  world.replaceServer();
  tab.lies.hear = (text) => text;
  tab.lies.refuse = false;
  await world.advance(5000);
  expect(await Promise.all([...sent, ...unsent].map(codeOf))).toEqual(["session-lost", "session-lost", "stored", "stored"]);
  expect([world.stored, unsent.map(({ offset }) => offset)]).toEqual([
    ["a", "b", "c", "d"],
    [1, 2],
  ]);
});

test("OUTBOX2 a write of a kind that is idempotent is sent again under the new session, in its place", async () => {
  const world = createOutboxWorld();
  const tab = world.tab();
  const writer = writesOf(coreOf(tab.client)).writer("room", "channel");
  await world.advance(10);
  tab.deaf();
  const receipts = ["a", "b", "c"].map((text) => writer.write(["said", text], { idempotent: text !== "b" }));
  await world.advance(10);
  tab.offline();
  world.replaceServer();
  tab.lies.hear = (text) => text;
  tab.lies.refuse = false;
  await world.advance(5000);
  expect(await Promise.all(receipts.map(codeOf))).toEqual(["stored", "session-lost", "stored"]);
  expect(world.stored).toEqual(["a", "b", "c", "a", "c"]);
});

test("OUTBOX3 numbers begin at 1 in each session, are contiguous, and none is used for two writes", async () => {
  const world = createOutboxWorld();
  const tab = world.tab();
  await world.advance(10);
  const numbered = new Map<string, Set<string>>();
  let session = 0;
  const { said } = tab.lies;
  const push = said.push.bind(said);
  said.push = (...texts) => {
    for (const text of texts) {
      const [, first, ops] = /:sync\/write \[\d+ (\d+) \[(.*?)\](?: \d+)?\]\]/.exec(text) ?? [];
      for (const [at, [, word]] of [...(ops ?? "").matchAll(/"said" "(\w+)"/g)].entries()) {
        const key = `${session}/${Number(first) + at}`;
        numbered.set(key, (numbered.get(key) ?? new Set()).add(word as string));
      }
    }
    return push(...texts);
  };
  for (let n = 0; n < 40; n++) {
    tab.lies.hear = (text) => (n % 3 === 0 && text.includes(":sync/ack") ? undefined : text);
    tab.room.publish("said", `w${n}`);
    if (n % 5 === 4) tab.room.publish("said", undefined);
    await world.advance(n % 2);
    if (n % 4 === 3) tab.lies.cut();
    if (n % 13 === 12) {
      tab.offline();
      session++;
      world.replaceServer();
      tab.lies.refuse = false;
    }
  }
  tab.lies.hear = (text) => text;
  await world.advance(60_000);
  expect(tab.pending).toBe(0);
  expect([...numbered].filter(([, words]) => words.size > 1)).toEqual([]);
  for (const of of new Set([...numbered.keys()].map((key) => key.split("/")[0]))) {
    const numbers = [...numbered.keys()].filter((key) => key.startsWith(`${of}/`)).map((key) => Number(key.split("/")[1]));
    expect(numbers.sort((a, b) => a - b)).toEqual(numbers.map((_, at) => at + 1));
  }
});

/** The tab's next line is another user's. */
async function changeUser(world: ReturnType<typeof createOutboxWorld>, tab: ReturnType<typeof world.tab>): Promise<void> {
  tab.rename("bob");
  tab.lies.hear = (text) => text;
  tab.lies.refuse = false;
  await world.advance(5000);
  expect(tab.client.user.get()).toMatchObject({ id: "bob" });
}

test("OUTBOX4 where another user is signed in, what the one before wrote is not sent: forbidden, or session-lost", async () => {
  const world = createOutboxWorld();
  const tab = world.tab();
  await world.advance(10);
  tab.deaf();
  const sent = codeOf(tab.room.publish("said", "sent"));
  await world.advance(10);
  tab.offline();
  const unsent = codeOf(tab.room.publish("said", "unsent"));
  await changeUser(world, tab);
  expect([await sent, await unsent, world.stored]).toEqual(["session-lost", "forbidden", ["sent"]]);
  const later = tab.room.publish("said", "bob's");
  await world.advance(100);
  expect([later.status, world.stored]).toEqual(["stored", ["sent", "bob's"]]);
});

test("OUTBOX4 with a storage it stays for the one who wrote it, and the receipt ends in closed", async () => {
  const world = createOutboxWorld();
  const disk = new MemoryDisk();
  const tab = world.tab(disk);
  await world.advance(10);
  tab.deaf();
  const sent = codeOf(tab.room.publish("said", "sent"));
  await world.advance(10);
  tab.offline();
  const unsent = codeOf(tab.room.publish("said", "unsent"));
  await changeUser(world, tab);
  expect([await sent, await unsent, world.stored, tab.pending, tab.rejected.get()]).toEqual([
    "closed",
    "closed",
    ["sent"],
    0,
    [],
  ]);
  const later = codeOf(tab.room.publish("said", "bob's"));
  await world.advance(100);
  expect([await later, world.stored]).toEqual(["stored", ["sent", "bob's"]]);
  const back = world.tab(disk, "ada");
  await world.advance(1000);
  expect([world.stored, back.pending, disk.text]).toEqual([["sent", "bob's", "unsent"], 0, ""]);
});

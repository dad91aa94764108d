/** Copies of what is read, on a device: the same for every kind that has a value. */
import { copyCounts, signOut, syncStatus } from "sente-sync/client";
import { describe, expect, test } from "vitest";
import { coreOf } from "../../src/client/client.ts";
import { writesOf } from "../../src/client/writes.ts";
import { copiesOf } from "../doc/device-world.ts";
import { createDevice, kinds, type Served } from "./copies-world.ts";

describe.each(kinds)("$name", (kind) => {
  const start = (options?: Served) => {
    const world = createDevice(kind);
    return { world, add: kind.serve(world, options) };
  };

  test("COPY1 a page that opens without a line shows what an earlier one read; with one it goes on from there", async () => {
    const { world, add } = start();
    const first = await world.open();
    for (const word of ["a", "b"]) add(word);
    await world.advance(2000);
    expect([first.words, first.status]).toEqual([["a", "b"], "live"]);
    first.kill();
    const second = await world.open({ offline: true });
    expect([second.words, second.status, second.causes]).toEqual([["a", "b"], "stale", ["snapshot"]]);
    await expect(second.handle.ready).resolves.toBe(second.handle.get());
    add("c");
    second.online();
    await world.advance(2000);
    expect([second.words, second.status, second.causes]).toEqual([["a", "b", "c"], "live", ["snapshot", "entries"]]);
    // What the device had did not travel.
    expect([second.heard("sync/snapshot"), first.heard("sync/snapshot").length]).toEqual([[], 1]);
    second.kill();
    expect((await world.open({ offline: true })).words).toEqual(["a", "b", "c"]);
    expect(world.errors).toEqual([]);
  });

  test("COPY1 what a server has rendered is kept like what it sent", async () => {
    const { world, add } = start();
    add("rendered");
    const [hydrate] = await Promise.all([world.sync.dehydrate({ topics: ["list"], user: { id: "ada" } }), world.advance(10)]);
    const first = await world.open({ client: { hydrate } });
    expect(first.words).toEqual(["rendered"]);
    await world.advance(2000);
    first.kill();
    expect((await world.open({ offline: true })).words).toEqual(["rendered"]);
  });

  test("COPY1 a page that is closed in order keeps what it has read just before", async () => {
    const { world, add } = start();
    const page = await world.open();
    add("last");
    await world.advance(1);
    expect([page.words, copiesOf(world.disk)]).toEqual([["last"], []]);
    page.client.close();
    await world.advance(10);
    expect((await world.open({ offline: true })).words).toEqual(["last"]);
    expect(world.errors).toEqual([]);
  });

  test("COPY2 a subscription waits for the copy, with a line for at most a second; what is read without it is kept, too", async () => {
    const { world, add } = start();
    add("a");
    let open = (): void => {};
    world.disk.opening = new Promise((resolve) => {
      open = resolve;
    });
    const first = await world.open();
    await world.advance(900);
    expect([first.words, first.status]).toEqual([undefined, "loading"]);
    await world.advance(1000);
    expect([first.words, first.status]).toEqual([["a"], "live"]);
    add("b");
    await world.advance(100);
    open();
    await world.advance(2000);
    first.kill();
    expect((await world.open({ offline: true })).words).toEqual(["a", "b"]);
  });

  test("COPY4 tabs write one copy: each what it lacks, and none takes from it what another wrote", async () => {
    const { world, add } = start();
    const tabs = [await world.open(), await world.open(), await world.open()];
    for (let i = 0; i < 20; i++) {
      add(`w${i}`);
      await world.advance(i % 3 ? 50 : 700);
      if (i === 7) tabs[0]?.kill();
    }
    await world.advance(2000);
    for (const tab of tabs) tab.kill();
    expect((await world.open({ offline: true })).words).toEqual(Array.from({ length: 20 }, (_, i) => `w${i}`));
    expect(new Set([...world.disk.records.keys()].filter((id) => id.startsWith("copy-"))).size).toBe(1);
    expect(world.errors).toEqual([]);
  });

  test("COPY4 many rows are joined to one, which says the same", async () => {
    const { world, add } = start();
    const page = await world.open();
    for (let i = 0; i < 520; i++) {
      add(`w${i}`);
      await world.advance(550);
    }
    await world.advance(2000);
    const rows = copiesOf(world.disk).length;
    expect(rows).toBeLessThan(100);
    page.kill();
    const next = await world.open({ offline: true });
    expect(next.words).toHaveLength(520);
    add("more");
    next.online();
    await world.advance(2000);
    expect([next.words?.length, next.words?.at(-1), next.heard("sync/snapshot")]).toEqual([521, "more", []]);
  });

  if (kind.hasVersions !== false)
    test("COPY5 a copy of another version is not shown, and stays until this version was read", async () => {
      const { world, add } = start();
      add("one");
      const first = await world.open();
      await world.advance(2000);
      first.kill();
      const newer = await world.open({ offline: true, version: 2 });
      expect([newer.words, newer.status]).toEqual([undefined, "loading"]);
      newer.kill();
      expect((await world.open({ offline: true })).words).toEqual(["one"]);
      expect(world.errors).toEqual([]);
    });

  test("COPY6 another topic in that place takes it: one line brings all of it, and tells that there is a gap", async () => {
    const { world, add } = start();
    add("old");
    const first = await world.open();
    await world.advance(2000);
    first.kill();
    const other = createDevice(kind, 2);
    kind.serve(other)("new");
    const second = await other.open({ disk: world.disk, offline: true });
    expect(second.words).toEqual(["old"]);
    second.online();
    await other.advance(2000);
    expect([second.words, second.causes]).toEqual([["new"], ["snapshot", "snapshot"]]);
    second.kill();
    expect((await other.open({ disk: world.disk, offline: true })).words).toEqual(["new"]);
  });

  test("COPY6 what may not be read any more is not shown, and not kept", async () => {
    let may = true;
    const { world, add } = start({ authorize: ({ action }) => action !== "read" || may });
    add("secret");
    const first = await world.open();
    await world.advance(2000);
    first.kill();
    may = false;
    const second = await world.open({ offline: true });
    expect(second.words).toEqual(["secret"]);
    second.online();
    await world.advance(3000);
    expect([second.words, second.status, copiesOf(world.disk)]).toEqual([undefined, "refused", []]);
    expect(second.causes).toEqual(["snapshot", "cleared"]);
    second.kill();
    expect((await world.open({ offline: true })).words).toBeUndefined();
  });

  test("COPY6 who is somebody else is shown nothing of it: by the options, or as the server says", async () => {
    const { world, add } = start({ authorize: ({ action, user }) => action !== "read" || user.id !== "bob" });
    add("Ada's");
    const first = await world.open();
    await world.advance(2000);
    first.kill();
    expect((await world.open({ user: "bob", offline: true })).words).toBeUndefined();
    expect((await world.open({ user: undefined, offline: true })).words).toBeUndefined();
    const mistaken = await world.open({ offline: true, as: "bob" });
    expect(mistaken.words).toEqual(["Ada's"]);
    mistaken.online();
    await world.advance(3000);
    expect([mistaken.words, mistaken.status]).toEqual([undefined, "refused"]);
    mistaken.kill();
    // It is Ada's still.
    const back = await world.open({ user: undefined, as: "ada" });
    await world.advance(100);
    expect([back.words, back.heard("sync/snapshot")]).toEqual([["Ada's"], []]);
  });

  test("COPY6 who signs out leaves no copy", async () => {
    const { world, add } = start();
    add("mine");
    const page = await world.open();
    await world.advance(2000);
    expect(copiesOf(world.disk).length).toBeGreaterThan(0);
    await Promise.all([signOut(page.client), world.advance(100)]);
    expect(copiesOf(world.disk)).toEqual([]);
  });

  test("COPY7 a copy that is not what was written is deleted and told, and the page reads on", async () => {
    const { world, add } = start();
    add("word");
    const first = await world.open();
    await world.advance(2000);
    first.kill();
    for (const [id, rows] of world.disk.records) {
      if (id.startsWith("copy-")) for (const [key, row] of rows) if (key !== "head") rows.set(key, row.replace("word", "w0rd"));
    }
    const second = await world.open({ offline: true });
    await world.advance(100);
    expect([second.words, copiesOf(world.disk), copyCounts(second.client).damaged]).toEqual([undefined, [], 1]);
    expect(world.errors).toMatchObject([{ error: { code: "damaged" }, where: "list" }]);
    second.online();
    await world.advance(2000);
    expect(second.words).toEqual(["word"]);
    second.kill();
    expect((await world.open({ offline: true })).words).toEqual(["word"]);
  });

  test("COPY7 a storage that fails is told once, and reading goes on; once it takes rows again, the copy is whole", async () => {
    const { world, add } = start();
    add("a");
    world.disk.fault = new Error("full");
    const first = await world.open();
    for (const word of ["b", "c"]) {
      add(word);
      await world.advance(6000);
    }
    expect([first.words, world.errors.filter(({ where }) => where === "storage").length]).toEqual([["a", "b", "c"], 1]);
    world.disk.fault = undefined;
    add("d");
    await world.advance(12_000);
    first.kill();
    expect((await world.open({ offline: true })).words).toEqual(["a", "b", "c", "d"]);
  });

  test("COPY7 where a slow storage leaves much waiting, the state as a whole waits", async () => {
    const { world, add } = start();
    world.disk.fault = new Error("slow");
    const first = await world.open();
    for (let i = 0; i < 1500; i++) {
      add(`w${i}`);
      if (i % 10 === 0) await world.advance(1);
    }
    world.disk.fault = undefined;
    await world.advance(12_000);
    first.kill();
    // One row, and what says so.
    expect(copiesOf(world.disk)).toHaveLength(2);
    expect((await world.open({ offline: true })).words).toHaveLength(1500);
  });

  test("COPY8 what is too large is not kept, and what the options do not keep is not", async () => {
    const { world, add } = start();
    const small = await world.open({ copies: { maxCopyBytes: 200 } });
    for (let i = 0; i < 50; i++) add(`word ${i}`);
    await world.advance(2000);
    expect([copiesOf(world.disk), copyCounts(small.client).tooLarge]).toEqual([[], 1]);
    small.kill();
    const asked: unknown[] = [];
    const none = await world.open({ keeps: (...topic) => asked.push(topic) < 0 });
    await world.advance(2000);
    expect([none.words?.length, copiesOf(world.disk), asked]).toEqual([50, [], [["list", kind.name]]]);
  });

  const { add: write } = kind;
  if (!write) return;

  test("COPY2 a topic that was written before it is read is read, too", async () => {
    const { world, add } = start();
    add("a");
    const page = await world.open({ reads: false });
    await world.advance(100);
    const ops: Record<string, unknown> = { store: ["add", "b", "0123456789abcdef"], own: ["b", "0123456789abcdef"] };
    const op = ops[kind.name] ?? [0, 0, ["b"], true];
    const receipt = writesOf(coreOf(page.client)).writer("list", kind.name).write(op);
    await world.advance(100);
    expect(receipt.status).toBe("stored");
    world.disk.reading = new Promise((resolve) => world.env.setTimer(resolve, 50));
    const handle = kind.open(page.client);
    handle.listen(() => {});
    await world.advance(100);
    expect([kind.read(handle), handle.status.get()]).toEqual([["a", "b"], "live"]);
  });

  test("COPY6 what may only not be written keeps its copy", async () => {
    let may = true;
    const { world, add } = start({ authorize: ({ action }) => action !== "write" || may });
    add("a");
    const first = await world.open();
    await world.advance(2000);
    first.kill();
    may = false;
    const second = await world.open();
    await world.advance(100);
    write(second.handle, "no");
    await world.advance(2000);
    expect([second.words, copiesOf(world.disk).length > 0]).toEqual([["a"], true]);
  });

  test("COPY3 what was not sent is shown on top of the copy, and sent later", async () => {
    const { world, add } = start();
    add("there");
    const first = await world.open();
    await world.advance(2000);
    first.lies.refuse = true;
    first.lies.cut();
    await world.advance(100);
    write(first.handle, "mine");
    await world.advance(1000);
    expect(first.words).toEqual(["there", "mine"]);
    first.kill();
    const second = await world.open({ offline: true });
    await world.advance(100);
    expect([second.words, syncStatus(second.client).get().pending]).toEqual([["there", "mine"], 1]);
    write(second.handle, "and this");
    expect(second.words).toEqual(["there", "mine", "and this"]);
    second.online();
    await world.advance(3000);
    expect([second.words, syncStatus(second.client).get().pending]).toEqual([["there", "mine", "and this"], 0]);
  });

  test("COPY3 what was sent and not answered is shown on a copy that has not got it, and once on one that has", async () => {
    for (const isIn of [false, true]) {
      const { world, add } = start();
      add("there");
      const first = await world.open();
      const other = isIn ? await world.open() : undefined;
      await world.advance(2000);
      // It arrives; its answer and its entry do not.
      first.lies.hear = () => undefined;
      write(first.handle, "sent");
      await world.advance(3000);
      first.kill();
      other?.kill();
      const second = await world.open({ offline: true });
      await world.advance(100);
      expect(second.words).toEqual(["there", "sent"]);
      second.online();
      await world.advance(3000);
      expect([second.words, syncStatus(second.client).get().pending]).toEqual([["there", "sent"], 0]);
    }
  });
});

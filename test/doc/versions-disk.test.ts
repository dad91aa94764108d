/** Versions of a document where the disk does not delete what it is told to. */
import { SyncError } from "sente-sync";
import { virtualClock } from "sente-sync/testing";
import { expect, test } from "vitest";
import { coreOf } from "../../src/server/core.ts";
import { handStorage } from "../support/hand-log.ts";
import { createWorld, type World } from "./world.ts";

/** Waits for it: disks answer in real turns, clients in virtual time. */
async function during<T>(world: World, work: Promise<T>): Promise<T> {
  let isOver = false;
  const over = (): void => void (isOver = true);
  work.then(over, over);
  while (!isOver) {
    await new Promise((resolve) => setImmediate(resolve));
    await world.advance(1);
  }
  return work;
}

const rest = (world: World): Promise<void> => during(world, new Promise<void>((done) => world.env.setTimer(done, 30)));

test("VDOC17 what a disk would not delete is told, and deleted when the list is opened again", async () => {
  const disk = handStorage(virtualClock({ seed: 7 }).envFor("disk"));
  disk.auto = true;
  let isFull = true;
  const storage: typeof disk = Object.assign(Object.create(disk) as typeof disk, {
    async open(...options: Parameters<typeof disk.open>) {
      const log = await disk.open(...options);
      const remove = async (topic: string): Promise<void> => {
        if (isFull) throw new SyncError("read-only", "The disk is full.");
        await log.delete(topic);
      };
      return { ...log, delete: remove };
    },
  });
  const live = async () => {
    const world = createWorld({ versions: { maxCount: 1 } }, { storage });
    const versions = await during(world, world.family.versions({ id: "1" }));
    return { world, versions, stored: () => coreOf(world.sync).topics.stored("notes/1/@versions/") };
  };
  const before = await live();
  await during(before.world, before.versions.create("one"));
  await during(before.world, before.versions.create("two"));
  await rest(before.world);
  expect(before.world.errors.map(({ error }) => (error as SyncError).code)).toEqual(["read-only"]);
  expect((await before.versions.list()).map(({ name }) => name)).toEqual(["two"]);
  expect(await before.stored()).toHaveLength(2);
  isFull = false;
  const after = await live();
  await rest(after.world);
  expect((await after.versions.list()).map(({ name }) => name)).toEqual(["two"]);
  expect(await after.stored()).toHaveLength(1);
});

test("VDOC17 a list that a disk would not give is asked for again by the next who needs it", async () => {
  const disk = handStorage(virtualClock({ seed: 7 }).envFor("disk"));
  disk.auto = true;
  let isBroken = true;
  const storage: typeof disk = Object.assign(Object.create(disk) as typeof disk, {
    async open(...options: Parameters<typeof disk.open>) {
      const log = await disk.open(...options);
      const open: typeof log.open = (name, ...more) => {
        if (isBroken && name.endsWith("/@versions")) throw new SyncError("read-only", "The disk does not give it.");
        return log.open(name, ...more);
      };
      return { ...log, open };
    },
  });
  const world = createWorld({ versions: {} }, { storage });
  const versions = await during(world, world.family.versions({ id: "1" }));
  await expect(during(world, versions.create("lost"))).rejects.toMatchObject({ code: "read-only" });
  isBroken = false;
  await during(world, versions.create("kept"));
  expect((await during(world, versions.list())).map(({ name }) => name)).toEqual(["kept"]);
});

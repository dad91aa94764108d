/** The simulated disk against a model: what may be there after a power loss, and nothing else. */
import { describe, expect, test } from "vitest";
import { type SimulatedDisk, type SimulatedDiskOptions, simulatedDisk } from "../../src/testing/disk.ts";
import { type DiskFault, type DiskPlan, faultAt, swarmDisk } from "../../src/testing/disk-faults.ts";
import { pageBytes } from "../../src/testing/disk-pages.ts";
import { createRng } from "../../src/testing/rng.ts";
import { virtualClock } from "../../src/testing/virtual-clock.ts";
import { createVirtualEnv } from "../support/virtual-env.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (content: Uint8Array | undefined): string | undefined => content && new TextDecoder().decode(content);
const fill = (byte: number, length: number): Uint8Array => new Uint8Array(length).fill(byte);
const seeds = Array.from({ length: 200 }, (_, seed) => seed);

const create = (seed: number, options: Partial<SimulatedDiskOptions> = {}): SimulatedDisk =>
  simulatedDisk({ rng: createRng(seed), ...options });
const textOf = (disk: SimulatedDisk, name: string): string | undefined => text(disk.contents().get(name));
/** How often each outcome of a crash was seen over the seeds. */
async function outcomes(
  run: (disk: SimulatedDisk) => Promise<void>,
  look: (disk: SimulatedDisk) => unknown,
): Promise<Set<unknown>> {
  const seen = new Set<unknown>();
  for (const seed of seeds) {
    const disk = create(seed);
    await run(disk);
    disk.crash(createRng(seed).fork("crash"));
    seen.add(look(disk));
  }
  return seen;
}

describe("files", () => {
  test("a file reads as it was written, in pieces and across pages; what is between is zeros", async () => {
    const disk = create(1).mount(createVirtualEnv());
    const file = await disk.open("a");
    expect([file.size, await file.read(0, 10)]).toEqual([0, new Uint8Array()]);
    await file.write(pageBytes - 2, [bytes("ab"), bytes(""), bytes("cd")]);
    expect([file.size, text(await file.read(pageBytes - 2, 100))]).toEqual([pageBytes + 2, "abcd"]);
    expect(await file.read(0, pageBytes - 2)).toEqual(new Uint8Array(pageBytes - 2));
    expect(await file.read(pageBytes + 5, 3)).toEqual(new Uint8Array());
    await file.truncate(pageBytes + 1);
    await file.write(pageBytes + 4, [bytes("e")]);
    expect(await file.read(pageBytes, 5)).toEqual(bytes("c\0\0\0e"));
  });

  test("what was given is copied, and what is given is a copy", async () => {
    const disk = create(1).mount(createVirtualEnv());
    const file = await disk.open("a");
    const piece = bytes("abc");
    const writing = file.write(0, [piece]);
    piece.fill(0);
    await writing;
    (await file.read(0, 3)).fill(0);
    expect(text(await file.read(0, 3))).toBe("abc");
  });

  test("names: opening creates, renaming replaces, what is missing is ENOENT, a closed file EBADF", async () => {
    const disk = create(1).mount(createVirtualEnv());
    const file = await disk.open("a");
    await file.write(0, [bytes("of a")]);
    await (await disk.open("b")).write(0, [bytes("of b")]);
    await disk.rename("a", "b");
    expect(await disk.list()).toEqual(["b"]);
    expect(text(await (await disk.open("b")).read(0, 9))).toBe("of a");
    await disk.remove("b");
    expect(text(await file.read(0, 9))).toBe("of a");
    expect(await disk.list()).toEqual([]);
    await expect(disk.remove("b")).rejects.toMatchObject({ code: "ENOENT" });
    await expect(disk.rename("b", "c")).rejects.toMatchObject({ code: "ENOENT" });
    await file.close();
    await expect(file.read(0, 1)).rejects.toMatchObject({ code: "EBADF" });
  });

  test("one holds the lock, until it lets go or dies", async () => {
    const disk = create(1);
    const first = disk.mount(createVirtualEnv());
    const unlock = await first.lock();
    await expect(first.lock()).rejects.toMatchObject({ code: "conflict" });
    await unlock();
    await first.lock();
    const second = disk.mount(createVirtualEnv());
    await second.lock();
    await unlock();
    await expect(second.lock()).rejects.toMatchObject({ code: "conflict" });
  });
});

describe("power loss", () => {
  const synced = async (disk: SimulatedDisk): Promise<Awaited<ReturnType<ReturnType<SimulatedDisk["mount"]>["open"]>>> => {
    const mount = disk.mount(createVirtualEnv());
    const file = await mount.open("a");
    await file.write(0, [bytes("old")]);
    await file.sync();
    await mount.syncNames();
    return file;
  };

  test("what was synced is there; what was written since may be there or not", async () => {
    const seen = await outcomes(
      async (disk) => {
        const file = await synced(disk);
        await file.write(0, [bytes("new")]);
        await file.write(pageBytes, [bytes("more")]);
      },
      (disk) => {
        const content = disk.contents().get("a") as Uint8Array;
        return [text(content.subarray(0, 3)), content.length, text(content.subarray(pageBytes))?.replaceAll("\0", "")].join();
      },
    );
    // A page is there and the one before it is not, and the other way round: no order is kept.
    for (const outcome of ["old,3,", "new,4100,more", "old,4100,more", "new,4100,", "new,3,"]) expect(seen).toContain(outcome);
    // And nothing else but one page of the two that is half the one and half the other.
    for (const outcome of seen) expect(outcome).toMatch(/^([on][le][dw],(3,|4100,(|more))|(old|new),4100,m?o?r?e?)$/);
  });

  test("of several writes to a page any may be the one that is kept", async () => {
    const seen = await outcomes(
      async (disk) => {
        const file = await synced(disk);
        for (const word of ["one", "two", "six"]) await file.write(0, [bytes(word)]);
      },
      (disk) => textOf(disk, "a"),
    );
    for (const word of ["old", "one", "two", "six"]) expect(seen).toContain(word);
  });

  test("at most one page is torn, and it is made of the old and the new", async () => {
    let torn = 0;
    for (const seed of seeds) {
      const disk = create(seed);
      const file = await synced(disk);
      await file.write(0, [fill(1, 4 * pageBytes)]);
      await file.sync();
      await file.write(0, [fill(2, 4 * pageBytes)]);
      disk.crash(createRng(seed));
      const content = disk.contents().get("a") as Uint8Array;
      expect([...new Set(content)].every((byte) => byte === 1 || byte === 2)).toBe(true);
      const mixed = [0, 1, 2, 3].filter((page) => new Set(content.subarray(page * pageBytes, (page + 1) * pageBytes)).size > 1);
      expect(mixed.length).toBeLessThanOrEqual(1);
      torn += mixed.length;
    }
    expect(torn).toBeGreaterThan(20);
    expect(torn).toBeLessThan(180);
  });

  test("a file that was cut is as long as before or as after, and what is behind its end is zeros", async () => {
    const seen = await outcomes(
      async (disk) => {
        const file = await synced(disk);
        await file.truncate(1);
      },
      (disk) => textOf(disk, "a"),
    );
    for (const outcome of ["old", "o"]) expect(seen).toContain(outcome);
    const disk = create(1);
    const file = await synced(disk);
    await file.truncate(1);
    await file.sync();
    disk.crash(createRng(1));
    const again = await disk.mount(createVirtualEnv()).open("a");
    await again.write(5, [bytes("x")]);
    expect(text(await again.read(0, 9))).toBe("o\0\0\0\0x");
  });

  test("what was written behind an end that was lost does not come back when the file grows", async () => {
    let grown = 0;
    for (const seed of seeds) {
      const disk = create(seed);
      const file = await synced(disk);
      await file.write(3, [bytes("more")]);
      disk.crash(createRng(seed));
      const again = await disk.mount(createVirtualEnv()).open("a");
      if (again.size !== 3) continue;
      grown++;
      await again.write(9, [bytes("x")]);
      expect(text(await again.read(0, 99))).toBe("old\0\0\0\0\0\0x");
    }
    expect(grown).toBeGreaterThan(20);
  });

  test("names are durable once they were synced, whatever was synced of the files", async () => {
    const seen = await outcomes(
      async (disk) => {
        await synced(disk);
        const mount = disk.mount(createVirtualEnv());
        const file = await mount.open("new");
        await file.write(0, [bytes("x")]);
        await file.sync();
        await mount.rename("new", "renamed");
        await mount.remove("a");
      },
      (disk) => [...disk.contents().keys()].sort().join(),
    );
    expect(seen).toEqual(new Set(["", "a", "a,new", "a,renamed", "new", "renamed"]));
    expect(
      await outcomes(
        async (disk) => {
          await synced(disk);
          const mount = disk.mount(createVirtualEnv());
          await mount.rename("a", "b");
          await mount.syncNames();
        },
        (disk) => textOf(disk, "b"),
      ),
    ).toEqual(new Set(["old"]));
  });

  test("a sync makes durable what was there when it was asked for", async () => {
    const env = createVirtualEnv();
    const seen = new Set<unknown>();
    for (const seed of seeds) {
      const disk = create(seed);
      await synced(disk);
      disk.plan = ({ operation }) => (operation === "sync" ? { slowMs: 10 } : undefined);
      const file = await disk.mount(env).open("a");
      await file.write(0, [bytes("one")]);
      const syncing = file.sync();
      await file.write(0, [bytes("two")]);
      env.advance(10);
      await syncing;
      disk.crash(createRng(seed));
      seen.add(textOf(disk, "a"));
    }
    for (const word of ["one", "two"]) expect(seen).toContain(word);
    expect(seen).not.toContain("old");
  });

  test("of two syncs at once the earlier does not undo the later", async () => {
    const env = createVirtualEnv();
    const disk = create(1);
    const delays = [20, 10];
    disk.plan = ({ operation }) => (operation === "sync" ? { slowMs: delays.shift() as number } : undefined);
    const mount = disk.mount(env);
    const file = await mount.open("a");
    await mount.syncNames();
    await file.write(0, [bytes("one")]);
    const first = file.sync();
    await file.write(0, [bytes("two")]);
    const second = file.sync();
    env.advance(20);
    await Promise.all([first, second]);
    disk.crash(createRng(1));
    expect(textOf(disk, "a")).toBe("two");
  });

  test("the death of a process loses nothing, and answers nothing more", async () => {
    const env = createVirtualEnv();
    const disk = create(1, { plan: ({ operation }) => (operation === "sync" ? { slowMs: 10 } : undefined) });
    const file = await disk.mount(env).open("a");
    await file.write(0, [bytes("kept")]);
    let answers = 0;
    void file.sync().finally(() => answers++);
    disk.kill();
    void file.read(0, 1).finally(() => answers++);
    env.advance(10);
    await new Promise(setImmediate);
    expect([answers, textOf(disk, "a"), disk.calls]).toEqual([0, "kept", 3]);
  });
});

describe("faults", () => {
  /** Writes `one`, syncs it, writes `two` over it, syncs that: calls 4 and 5. */
  const script = async (disk: SimulatedDisk): Promise<unknown[]> => {
    const mount = disk.mount(createVirtualEnv());
    const file = await mount.open("a");
    await mount.syncNames();
    const told: unknown[] = [];
    const tell = (call: Promise<unknown>): Promise<unknown> =>
      call.then(
        () => told.push("done"),
        (error: { code: string }) => told.push(error.code),
      );
    await tell(file.write(0, [bytes("one")]).then(() => file.sync()));
    await tell(file.write(0, [bytes("two")]));
    await tell(file.sync());
    await tell(file.sync());
    return told;
  };

  test("a call that fails with EIO has done nothing", async () => {
    const disk = create(1, { plan: faultAt(5, "EIO") });
    expect(await script(disk)).toEqual(["done", "EIO", "done", "done"]);
    expect([textOf(disk, "a"), disk.calls, disk.faults]).toEqual(["one", 7, 1]);
  });

  test("a sync that failed may succeed later; one that lies succeeds later, and what it lost is seen until the power goes", async () => {
    for (const [fault, left] of [
      ["EIO", "two"],
      ["lie", "one"],
    ] as const) {
      const disk = create(1, { plan: faultAt(6, fault) });
      expect(await script(disk)).toEqual(["done", "done", "EIO", "done"]);
      expect(textOf(disk, "a")).toBe("two");
      disk.crash(createRng(1));
      expect(textOf(disk, "a")).toBe(left);
    }
  });

  test("a full disk takes what fits, and all once there is room", async () => {
    const disk = create(1, { capacityBytes: 3 * pageBytes });
    const mount = disk.mount(createVirtualEnv());
    await (await mount.open("other")).write(0, [fill(1, pageBytes)]);
    const file = await mount.open("a");
    await expect(file.write(0, [fill(2, 2 * pageBytes + 1)])).rejects.toMatchObject({ code: "ENOSPC" });
    expect([file.size, disk.faults]).toEqual([2 * pageBytes, 1]);
    await file.write(5, [fill(3, 5)]);
    await mount.remove("other");
    await file.write(2 * pageBytes, [fill(2, 1)]);
    await expect(file.write(3 * pageBytes, [fill(2, 1)])).rejects.toMatchObject({ code: "ENOSPC" });
    disk.capacityBytes = 0;
    await file.write(pageBytes, [fill(3, 5)]);
    disk.capacityBytes = 4 * pageBytes;
    await file.write(3 * pageBytes, [fill(2, 1)]);
    expect(file.size).toBe(3 * pageBytes + 1);
  });

  test("the process may be ended at any call, before it or once it is done", async () => {
    const left = async (fault: DiskFault): Promise<unknown[]> => {
      const found: unknown[] = [];
      for (let index = 1; index <= 7; index++) {
        let crashes = 0;
        const disk = create(1, { plan: faultAt(index, fault), onCrash: () => crashes++ });
        let isOver = false;
        void script(disk).then(() => (isOver = true));
        await new Promise(setImmediate);
        expect([isOver, crashes, disk.calls]).toEqual([false, 1, index]);
        found.push(textOf(disk, "a"));
      }
      return found;
    };
    expect(await left("crash-before")).toEqual([undefined, "", "", "one", "one", "two", "two"]);
    expect(await left("crash-after")).toEqual(["", "", "one", "one", "two", "two", "two"]);
  });

  test("a sync that was done and not answered is durable", async () => {
    const disk = create(1, { plan: faultAt(6, "crash-after") });
    void script(disk);
    await new Promise(setImmediate);
    disk.crash(createRng(1));
    expect(textOf(disk, "a")).toBe("two");
  });

  test("rot changes one bit of what is read, for good; a misdirected write is elsewhere", async () => {
    const disk = create(1);
    const mount = disk.mount(createVirtualEnv());
    const file = await mount.open("a");
    await file.write(0, [new Uint8Array(2 * pageBytes)]);
    await file.sync();
    await mount.syncNames();
    disk.plan = faultAt(5, "rot");
    const rotten = await file.read(10, 100);
    expect(rotten.filter((byte) => byte !== 0)).toHaveLength(1);
    expect([1, 2, 4, 8, 16, 32, 64, 128]).toContain(Math.max(...rotten));
    disk.crash(createRng(1));
    expect(disk.contents().get("a")?.subarray(10, 110)).toEqual(rotten);
    disk.flipBit("a", 10 + rotten.findIndex(Boolean), Math.log2(Math.max(...rotten)));
    expect(disk.contents().get("a")).toEqual(new Uint8Array(2 * pageBytes));

    const again = await disk.mount(createVirtualEnv()).open("a");
    disk.plan = ({ operation }) => (operation === "write" ? "misdirect" : undefined);
    const places = new Set<number>();
    for (let round = 1; round <= 20; round++) {
      await again.write(7, [fill(round, 1)]);
      places.add(Math.floor((disk.contents().get("a") as Uint8Array).indexOf(round) / pageBytes));
    }
    expect([...places]).toEqual(expect.arrayContaining([0, 1, 2]));
  });
});

describe("determinism", () => {
  /** 300 drawn calls under a drawn plan on a slow disk: what came of them. */
  const history = async (seed: number): Promise<string> => {
    const clock = virtualClock({ seed });
    const rng = createRng(seed);
    const log: string[] = [];
    const disk = create(seed, {
      plan: swarmDisk(rng.fork("plan"), { damage: true }),
      latencyMs: 2,
      capacityBytes: 40 * pageBytes,
    });
    for (let life = 0; life < 3; life++) {
      const mount = disk.mount(clock.envFor("server"));
      const draws = rng.fork(`life ${life}`);
      const run = async (): Promise<void> => {
        for (let i = 0; i < 100; i++) {
          const name = draws.pick(["a", "b", "c"]);
          try {
            const file = await mount.open(name);
            const what = draws.pick(["write", "write", "sync", "rename", "list", "read"]);
            if (what === "write") await file.write(draws.int(50_000), [draws.bytes(draws.int(9000))]);
            else if (what === "sync") await file.sync();
            else if (what === "rename") await mount.rename(name, draws.pick(["a", "b", "c"]));
            else if (what === "list") log.push((await mount.list()).join());
            else log.push(`${(await file.read(0, 100)).join()}`);
          } catch (error) {
            log.push(`${error}`);
          }
        }
      };
      clock.schedule("server", 0, "script", () => void run());
      await clock.advance(draws.int(1000));
      clock.crash("server");
      disk.crash(draws.fork("crash"));
      for (const [name, content] of disk.contents())
        log.push(`${name} ${content.length} ${content.reduce((a, b) => (a * 31 + b) | 0, 0)}`);
    }
    return [...log, disk.calls, disk.faults].join("\n");
  };

  test("the same seed gives the same disk, faults included; others do not", async () => {
    const histories = new Set<string>();
    for (let seed = 1; seed <= 5; seed++) {
      const once = await history(seed);
      expect(await history(seed)).toBe(once);
      histories.add(once);
    }
    expect(histories.size).toBe(5);
  });

  test("over the seeds every fault is planned, and a plan without damage has none", () => {
    const planned = (damage: boolean): string[] => {
      const seen = new Set<string>();
      for (const seed of seeds) {
        const plan: DiskPlan = swarmDisk(createRng(seed), { damage });
        for (let index = 1; index <= 200; index++) {
          const fault = plan({ index, operation: (["write", "sync", "read"] as const)[index % 3] ?? "read", file: "a" });
          if (fault !== undefined) seen.add(typeof fault === "object" ? "slow" : fault);
        }
      }
      return [...seen].sort();
    };
    expect(planned(false)).toEqual(["EIO", "ENOSPC", "lie", "slow"]);
    expect(planned(true)).toEqual(["EIO", "ENOSPC", "lie", "misdirect", "rot", "slow"]);
  });
});

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { realEnv } from "../../src/core/env.ts";
import { simulatedDisk } from "../../src/testing/disk.ts";
import { faultAt } from "../../src/testing/disk-faults.ts";
import { createRng } from "../../src/testing/rng.ts";
import type { Disk } from "../../src/topic/disk.ts";
import { folderDisk } from "../../src/topic/folder-disk.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (of: Uint8Array): string => new TextDecoder().decode(of);

async function inFolder(run: (path: string) => Promise<void>): Promise<void> {
  const path = await mkdtemp(join(tmpdir(), "disk-"));
  try {
    await run(path);
  } finally {
    await rm(path, { recursive: true, force: true });
  }
}

const disks: [string, (run: (disk: Disk) => Promise<void>) => Promise<void>][] = [
  ["folder", (run) => inFolder(async (path) => run(await folderDisk(join(path, "made", "for", "it"))))],
  ["simulated", (run) => run(simulatedDisk({ rng: createRng(3) }).mount(realEnv))],
];

describe.each(disks)("a %s disk", (_, withDisk) => {
  test("DISK3 gives what was written, as far as there is something, and says with a code what it cannot do", () =>
    withDisk(async (disk) => {
      const file = await disk.open("a");
      expect(file.size).toBe(0);
      await file.write(0, [bytes("one, "), new Uint8Array(0), bytes("two")]);
      await file.write(3, [bytes("!")]);
      expect([file.size, textOf(await file.read(0, 100)), textOf(await file.read(5, 2)), (await file.read(9, 1)).length]).toEqual(
        [8, "one! two", "tw", 0],
      );
      await file.truncate(4);
      await file.sync();
      await file.close();
      const again = await disk.open("a");
      expect([again.size, textOf(await again.read(0, 9))]).toEqual([4, "one!"]);
      await again.close();
      await expect(again.read(0, 1)).rejects.toThrow();
      await expect(disk.remove("missing")).rejects.toMatchObject({ code: "ENOENT" });
    }));

  test("DISK2 lists, renames and removes names", () =>
    withDisk(async (disk) => {
      for (const name of ["a", "b"]) await (await disk.open(name)).close();
      await disk.rename("a", "c");
      await disk.remove("b");
      await disk.syncNames();
      expect(await disk.list()).toEqual(["c"]);
    }));

  test("DISK4 lets one in at a time", () =>
    withDisk(async (disk) => {
      const unlock = await disk.lock();
      await expect(disk.lock()).rejects.toMatchObject({ code: "conflict" });
      await unlock();
      await (await disk.lock())();
      expect(await disk.list()).toEqual([]);
    }));
});

test("DISK1 what was not synced may be lost with the power, what was synced is not, and a failed sync says nothing", async () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 40; seed++) {
    const machine = simulatedDisk({ rng: createRng(1) });
    let disk = machine.mount(realEnv);
    const file = await disk.open("a");
    await disk.syncNames();
    await file.write(0, [bytes("synced")]);
    await file.sync();
    await file.write(6, [bytes(" lied")]);
    machine.plan = faultAt(machine.calls + 1, "lie");
    await expect(file.sync()).rejects.toMatchObject({ code: "EIO" });
    await file.sync();
    await file.write(5000, [bytes(" not")]);
    machine.crash(createRng(seed));
    disk = machine.mount(realEnv);
    const found = textOf(await (await disk.open("a")).read(0, 11)).replace(/\0/g, "");
    expect(found.startsWith("synced")).toBe(true);
    seen.add(found);
  }
  expect(seen.has("synced")).toBe(true);
});

describe("DISK5 a stale lock", () => {
  const script = `
    import { folderDisk } from ${JSON.stringify(new URL("../../src/topic/folder-disk.ts", import.meta.url).href)};
    const unlock = await (await folderDisk(process.argv[1])).lock().then((it) => it, (error) => console.log(error.code));
    if (unlock) console.log("locked");
    process.stdin.resume();
    process.stdin.on("end", async () => { await unlock?.(); process.exit(); });
  `;
  const start = async (path: string): Promise<{ child: ChildProcess; said: string }> => {
    const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script, path], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const said = await new Promise<string>((resolve) => child.stdout?.once("data", (data: Buffer) => resolve(`${data}`.trim())));
    return { child, said };
  };
  const ended = (child: ChildProcess): Promise<unknown> => new Promise((resolve) => child.once("exit", resolve));

  test("is of a process that was killed; one that lives keeps everybody out", () =>
    inFolder(async (path) => {
      const first = await start(path);
      expect(first.said).toBe("locked");
      const disk = await folderDisk(path);
      await expect(disk.lock()).rejects.toMatchObject({ code: "conflict" });
      const gone = ended(first.child);
      first.child.kill("SIGKILL");
      await gone;
      const unlock = await disk.lock();
      const second = await start(path);
      expect(second.said).toBe("conflict");
      const closed = ended(second.child);
      second.child.stdin?.end();
      await closed;
      await unlock();
      expect(await disk.list()).toEqual([]);
    }));

  test("is of a process whose number another one has now, or of one that wrote nonsense", () =>
    inFolder(async (path) => {
      const disk = await folderDisk(path);
      // Process 1 lives, but has not begun then; and our own number is not ours there.
      for (const stale of ["1 1", `${process.pid} 5`, "nobody", ""]) {
        await writeFile(join(path, "lock"), stale);
        if (process.platform !== "linux" && stale === "1 1") continue;
        const unlock = await disk.lock();
        expect(await readFile(join(path, "lock"), "utf8")).toMatch(new RegExp(`^${process.pid} `));
        await unlock();
      }
    }));
});

test("DISK6 a name stays in its folder", () =>
  inFolder(async (path) => {
    const disk = await folderDisk(path);
    for (const name of ["../a", "a/b", "", ".", "..", ".hidden", "a\0"]) {
      await expect(disk.open(name)).rejects.toMatchObject({ code: "invalid" });
    }
    await (await disk.open("0000002a-9f31c07744e0a2d5.seg")).close();
    expect(await disk.list()).toEqual(["0000002a-9f31c07744e0a2d5.seg"]);
  }));

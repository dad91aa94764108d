import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { readPortFile, writePortFile } from "../../src/server/port-file.ts";

let folder = "";
let file = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "port-file-"));
  file = join(folder, ".sente-port");
});
afterEach(() => rmSync(folder, { recursive: true }));

const text = (): string => readFileSync(file, "utf8");

/** A process that writes the file, says so, and ends when it is told to. */
async function writer(after: string): Promise<ChildProcess> {
  const code = `import { writePortFile } from ${JSON.stringify(new URL("../../src/server/port-file.ts", import.meta.url).href)};
    process.chdir(${JSON.stringify(folder)});
    writePortFile(".sente-port", { port: 4000 });
    ${after}
    process.stdin.once("data", () => process.exit(0));
    console.log("written");`;
  const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "--eval", code], {
    cwd: new URL("../..", import.meta.url),
    stdio: ["pipe", "pipe", "inherit"],
  });
  await once(child.stdout as NodeJS.ReadableStream, "data");
  return child;
}

test("DISC1 the file has the URL and what it is made of, and reads back", () => {
  const remove = writePortFile(file, { port: 41_003 });
  const content = { url: "ws://localhost:41003/chsk", host: "localhost", port: 41_003, path: "/chsk", pid: process.pid };
  expect(JSON.parse(text())).toEqual(content);
  expect(readPortFile(file)).toEqual(content);
  remove();
});

test("DISC1 of any address the URL says localhost, and brackets stand around IPv6", () => {
  const hosts = [
    ["0.0.0.0", "localhost"],
    ["::", "localhost"],
    ["::1", "[::1]"],
    ["127.0.0.1", "127.0.0.1"],
    ["board.example", "board.example"],
  ] as const;
  for (const [host, named] of hosts) {
    const remove = writePortFile(file, { port: 4000, host, path: "/live" });
    expect(readPortFile(file)).toMatchObject({ url: `ws://${named}:4000/live`, host });
    remove();
  }
});

test("DISC2 a new content replaces the old one, and nothing else is left in the folder", () => {
  const first = writePortFile(file, { port: 4000 });
  const second = writePortFile(file, { port: 4001 });
  expect(readPortFile(file)?.port).toBe(4001);
  expect(readdirSync(folder)).toEqual([".sente-port"]);
  first();
  second();
});

test("DISC2 what is no address, or has no place, is invalid and leaves nothing", () => {
  const bad = [
    { port: 0 },
    { port: 65_536 },
    { port: 1.5 },
    { port: 4000, pid: 0 },
    { port: 4000, pid: -1 },
    { port: 4000, host: "" },
    { port: 4000, host: "a/b" },
    { port: 4000, host: "user@a" },
    { port: 4000, host: "a:80" },
    { port: 4000, path: "chsk" },
  ];
  for (const address of bad) {
    expect(() => writePortFile(file, address), JSON.stringify(address)).toThrow(expect.objectContaining({ code: "invalid" }));
  }
  expect(() => writePortFile(join(folder, "missing", "file"), { port: 4000 })).toThrow(
    expect.objectContaining({ code: "invalid" }),
  );
  mkdirSync(file);
  expect(() => writePortFile(file, { port: 4000 })).toThrow(expect.objectContaining({ code: "invalid" }));
  expect(readdirSync(folder)).toEqual([".sente-port"]);
});

test("DISC3 removing twice is safe, and what another wrote since stays", () => {
  const first = writePortFile(file, { port: 4000 });
  const second = writePortFile(file, { port: 4001 });
  first();
  expect(readPortFile(file)?.port).toBe(4001);
  second();
  expect(readdirSync(folder)).toEqual([]);
  second();
});

test("DISC3 one that was removed no longer waits for the exit", () => {
  const before = process.listenerCount("exit");
  const remove = writePortFile(file, { port: 4000 });
  expect(process.listenerCount("exit")).toBe(before + 1);
  remove();
  expect(process.listenerCount("exit")).toBe(before);
});

test("DISC4 the file is gone with its process, which went to another folder meanwhile", async () => {
  const child = await writer('process.chdir("/");');
  expect(readPortFile(file)).toMatchObject({ port: 4000, pid: child.pid });
  child.stdin?.write("end\n");
  await once(child, "exit");
  expect(readdirSync(folder)).toEqual([]);
});

test("DISC5 what a killed process left reads as nothing", async () => {
  const child = await writer("");
  expect(readPortFile(file)).toMatchObject({ port: 4000, pid: child.pid });
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(readdirSync(folder)).toEqual([".sente-port"]);
  expect(readPortFile(file)).toBe(undefined);
});

test("DISC5 no file, a folder, and what is no port file read as nothing", () => {
  expect(readPortFile(file)).toBe(undefined);
  expect(readPortFile(folder)).toBe(undefined);
  const sound = { url: "ws://localhost:4000/chsk", host: "localhost", port: 4000, path: "/chsk", pid: process.pid };
  writeFileSync(file, JSON.stringify(sound));
  expect(readPortFile(file)).toEqual(sound);
  const wrong = [
    { pid: 0 },
    { pid: -1 },
    { pid: "1" },
    { pid: 2 ** 40 },
    { port: 0 },
    { port: "4000" },
    { host: "a b" },
    { path: "chsk" },
    { pad: "x".repeat(4096) },
  ];
  for (const fault of wrong) {
    writeFileSync(file, JSON.stringify({ ...sound, ...fault }));
    expect(readPortFile(file), JSON.stringify(fault).slice(0, 40)).toBe(undefined);
  }
  for (const content of ["", "4000", "null", "[]", '"x"', "{", "{}"]) {
    writeFileSync(file, content);
    expect(readPortFile(file), content).toBe(undefined);
  }
});

test("DISC5 a process of another user is one that lives", () => {
  const remove = writePortFile(file, { port: 4000 });
  const kill = vi.spyOn(process, "kill").mockImplementation(() => {
    throw Object.assign(new Error("not yours"), { code: "EPERM" });
  });
  expect(readPortFile(file)?.port).toBe(4000);
  expect(kill.mock.calls).toEqual([[process.pid, 0]]);
  kill.mockRestore();
  remove();
});

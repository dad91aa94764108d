/** Which SQLite is taken, and what is said where none can be: packages are played, so that each case is one on every machine. */
import { expect, test } from "vitest";
import { codeOf, openDatabase, type SqliteDriver, type SqliteModules } from "../../../adapters/storage/sqlite-driver.ts";

/** Packages by name: the class that they export, or the error of loading them. */
function modules(packages: Record<string, unknown>, napi = "9"): SqliteModules & { readonly loaded: string[] } {
  const loaded: string[] = [];
  return {
    napi,
    loaded,
    require(name) {
      loaded.push(name);
      const found = packages[name];
      if (found === undefined)
        throw Object.assign(new Error(`Cannot find module '${name}'\nRequire stack:`), { code: "MODULE_NOT_FOUND" });
      return found;
    },
  };
}
const database = (kind: string, error?: Error) =>
  class {
    readonly opened: unknown[];
    constructor(path: string, options: object) {
      if (error) throw error;
      this.opened = [kind, path, options];
    }
  };
const better = (version: string, error?: Error): Record<string, unknown> => ({
  "better-sqlite3/package.json": { version },
  "better-sqlite3": database("better", error),
});
const builtin = { "node:sqlite": { DatabaseSync: database("node") } };
const open = (from: SqliteModules, driver?: SqliteDriver): unknown =>
  (openDatabase("a.db", driver, from) as unknown as { opened: unknown }).opened;

test("better-sqlite3 is taken where it is, else node:sqlite; or the one that is asked for", () => {
  expect(open(modules({ ...better("12.11.1"), ...builtin }))).toEqual(["better", "a.db", { timeout: 0 }]);
  expect(open(modules(builtin))).toEqual(["node", "a.db", {}]);
  expect(open(modules({ ...better("12.11.1"), ...builtin }), "node:sqlite")).toEqual(["node", "a.db", {}]);
  expect(() => open(modules(builtin), "better-sqlite3")).toThrow(expect.objectContaining({ code: "unsupported" }));
});

test("where there is none, the error says what to install and what was tried", () => {
  expect(() => open(modules({}))).toThrow(
    expect.objectContaining({
      code: "unsupported",
      message:
        "No SQLite: install better-sqlite3, or use Node 22.13 or newer. " +
        "better-sqlite3: Cannot find module 'better-sqlite3/package.json' node:sqlite: Cannot find module 'node:sqlite'",
    }),
  );
});

test("better-sqlite3 13 is not even loaded where Node-API is older than 10", () => {
  for (const [version, napi, isLoaded] of [
    ["13.0.0", "9", false],
    ["14.1.0", "9", false],
    ["13.0.0", "10", true],
    ["12.11.1", "8", true],
  ] as const) {
    const from = modules(better(version), napi);
    if (isLoaded) expect(open(from)).toEqual(["better", "a.db", { timeout: 0 }]);
    else expect(() => open(from)).toThrow(/better-sqlite3 1\d\.\d\.0 needs Node-API 10 .*take better-sqlite3 12/);
    expect(from.loaded.includes("better-sqlite3")).toBe(isLoaded);
  }
  expect(open(modules({ ...better("13.0.0"), ...builtin }))).toEqual(["node", "a.db", {}]);
});

test("a package that is there and was not built is passed over; one that cannot open the file is not", () => {
  const notBuilt = new Error("Could not locate the bindings file. Tried:\n → /here");
  expect(open(modules({ ...better("12.11.1", notBuilt), ...builtin }))).toEqual(["node", "a.db", {}]);
  for (const error of [
    Object.assign(new Error("unable to open database file"), { code: "SQLITE_CANTOPEN" }),
    new TypeError("Cannot open database because the directory does not exist"),
  ]) {
    expect(() => open(modules({ ...better("12.11.1", error), ...builtin }))).toThrow(
      expect.objectContaining({ code: "invalid", cause: error }),
    );
  }
});

test("an error of either driver has SQLite's own name", () => {
  const cases: [error: unknown, code: string | undefined][] = [
    [{ code: "SQLITE_IOERR_FSYNC" }, "SQLITE_IOERR_FSYNC"],
    [{ code: "ERR_SQLITE_ERROR", errcode: 13 }, "SQLITE_FULL"],
    [{ code: "ERR_SQLITE_ERROR", errcode: 1034 }, "SQLITE_IOERR"],
    [{ code: "ERR_SQLITE_ERROR", errcode: 19 }, "SQLITE_19"],
    [{ code: "ENOENT" }, undefined],
    [undefined, undefined],
  ];
  for (const [error, code] of cases) expect(codeOf(error)).toBe(code);
});

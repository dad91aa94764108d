/**
 * `interface Register` types the hooks of a whole program, so its cases are programs of their own, compiled here:
 * in the repository's they would speak for every example and test.
 */
import ts from "typescript";
import { expect, test } from "vitest";

const contract = `
import { defineEvents, type } from "sente-sync";

// #region register
export const events = defineEvents({
  "user/get": { data: type<{ id: string }>(), reply: type<{ name: string }>() },
  "news/item": { data: type<{ title: string }>() },
});

declare module "sente-sync" {
  interface Register {
    user: { id: string; name: string; role: "admin" | "guest" };
    events: typeof events;
  }
}
// #endregion
`;

const react = `
import { useClient, useEventListener, useRequest, useUser } from "sente-sync/react";

// #region react
export function useProfile(id: string) {
  const { run, data } = useRequest("user/get");
  useEventListener("news/item", ({ data }) => console.log(data.title));
  return { name: data?.name, load: () => run({ id }), isAdmin: useUser()?.role === "admin" };
}
// #endregion

export function useMistakes() {
  const { run } = useRequest("user/get");
  // @ts-expect-error not its data
  void run({ id: 7 });
  // @ts-expect-error no such event
  useRequest("user/got");
  // @ts-expect-error no such event
  useEventListener("news/paper", () => {});
  // @ts-expect-error no such role
  useUser()?.role === "king";
  // @ts-expect-error no such event
  useClient().send("user/got");
  useEventListener("resume", ({ recovered }) => recovered);
}
`;

const svelte = `
import { getClient, listen, request, user } from "sente-sync/svelte";

const profile = request("user/get");
export const name: Promise<string> = profile.run({ id: "7" }).then((reply) => reply.name);
export const shown: string | undefined = profile.data?.name;
export const role: "admin" | "guest" | undefined = user().current?.role;
listen("news/item", ({ data }) => data.title);
// @ts-expect-error not its data
void profile.run({ id: 7 });
// @ts-expect-error no such event
request("user/got");
// @ts-expect-error no such event
listen("news/paper", () => {});
// @ts-expect-error no such event
getClient().send("user/got");
`;

const server = `
import { createServer } from "sente-sync/server";
import { createClient } from "sente-sync/client";
import { events } from "./contract.ts";

export const sync = createServer({ events, authenticate: () => ({ id: "7", name: "Ada", role: "admin" as const }) });
sync.on("user/get", ({ user }) => ({ name: user.name }));
// @ts-expect-error a user has a name and a role
createServer({ authenticate: () => ({ id: "7" }) });
export const me: string | undefined = createClient("/chsk", { events }).user.get()?.name;
`;

const root = new URL("../..", import.meta.url).pathname;

/** Seconds on a machine with nothing else to do. */
const compilingMs = 180_000;
const parsed = new Map<string, ts.SourceFile | undefined>();

/** What the compiler says of the files, which stand in a folder of this repository that is not there. */
function complaints(files: Record<string, string>): string[] {
  const read = (path: string): unknown => ts.readConfigFile(path, ts.sys.readFile).config;
  const { options } = ts.parseJsonConfigFileContent(read(`${root}tsconfig.json`), ts.sys, root);
  const folder = `${root}test/types/register`;
  const texts = new Map(Object.entries(files).map(([name, text]) => [`${folder}/${name}`, text]));
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.directoryExists = (path) => path === folder || ts.sys.directoryExists(path);
  host.fileExists = (path) => texts.has(path) || fileExists(path);
  host.readFile = (path) => texts.get(path) ?? readFile(path);
  host.getSourceFile = (path, version, ...rest) => {
    const text = texts.get(path);
    if (text !== undefined) return ts.createSourceFile(path, text, version);
    if (!parsed.has(path)) parsed.set(path, getSourceFile(path, version, ...rest));
    return parsed.get(path);
  };
  const program = ts.createProgram([...texts.keys()], options, host);
  return [...texts.keys()].flatMap((path) => {
    const source = program.getSourceFile(path);
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map(
      ({ messageText }) => `${path.replace(/.*\//, "")}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`,
    );
  });
}

test(
  "registered events and users are known to hooks, stores, server and client",
  () => {
    expect(complaints({ "contract.ts": contract, "react.ts": react, "svelte.ts": svelte, "server.ts": server })).toEqual([]);
  },
  compilingMs,
);

test(
  "without a registration, the same lines do not compile",
  () => {
    const found = complaints({ "react.ts": react, "svelte.ts": svelte });
    expect(found).toContain("react.ts: Property 'name' does not exist on type '{}'.");
    expect(found.filter((line) => line.includes("Unused '@ts-expect-error'")).length).toBeGreaterThan(5);
  },
  compilingMs,
);

/**
 * A foreign Sente peer: a ClojureScript program in a process of its own, told EDN lines and heard as EDN lines.
 *
 * Always: what it says is kept in order, and compared as the text that ClojureScript printed, so that no reader of ours has
 * a part in the judgement; a peer that ends early fails whoever waits for it, with what it wrote to stderr.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { keyword, List, Sym, Uuid } from "sente-sync";

const require = createRequire(import.meta.url);
const nbb = require.resolve("nbb/cli.js");

export interface Peer {
  tell(command: string): void;
  /** Everything that it said so far, for this test. */
  readonly said: string[];
  /** The next line that nobody took yet. */
  next(): Promise<string>;
  /** The next line that begins so; those before it are passed over. */
  until(beginning: string): Promise<string>;
  stop(): Promise<void>;
}

export function startPeer(script: "sente_client" | "sente_server" | "sente_lite_client", ...args: string[]): Peer {
  const child = spawn(process.execPath, [nbb, fileURLToPath(new URL(`${script}.cljs`, import.meta.url)), ...args]);
  const said: string[] = [];
  let taken = 0;
  let complaint = "";
  let end: string | undefined;
  let wake = (): void => {};
  createInterface(child.stdout).on("line", (line) => {
    said.push(line);
    wake();
  });
  child.stderr.on("data", (data) => {
    complaint += String(data);
  });
  // Told to one that is gone: whoever waits for an answer hears of it.
  child.stdin.on("error", () => {});
  child.on("error", (error) => {
    complaint += String(error);
  });
  child.on("close", (code) => {
    end = `The peer ended with ${code}: ${complaint}`;
    wake();
  });
  const next = async (): Promise<string> => {
    // Emptied for the next test.
    taken = Math.min(taken, said.length);
    while (taken === said.length) {
      if (end !== undefined) throw new Error(end);
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return said[taken++] as string;
  };
  return {
    said,
    next,
    tell: (command) => void child.stdin.write(`${command}\n`),
    async until(beginning) {
      for (;;) {
        const line = await next();
        if (line.startsWith(beginning)) return line;
      }
    },
    async stop() {
      if (end !== undefined) return;
      const closed = once(child, "close");
      child.kill("SIGKILL");
      await closed;
    },
  };
}

/** Client processes that wait for the next test: starting one takes longer than most tests. */
const idle: Peer[] = [];

/** A client of which nothing was heard yet; `options` are EDN. */
export function startClient(transport: "ws" | "ajax", port: number, options = "{}"): Peer {
  const peer = idle.pop() ?? startPeer("sente_client");
  peer.tell(`[:start :${transport} "http://127.0.0.1:${port}/chsk" ${options}]`);
  return peer;
}

/** Ends the client, and keeps the process for another one. */
export async function stopClient(peer: Peer): Promise<void> {
  peer.tell("[:stop]");
  await peer.until("[:stopped]");
  peer.said.length = 0;
  idle.push(peer);
}

export async function stopIdle(): Promise<void> {
  await Promise.all(idle.splice(0).map((peer) => peer.stop()));
}

/** A server and the URL path it serves, without the scheme: `//127.0.0.1:…/chsk`. */
export async function startServer(options = "{}"): Promise<{ peer: Peer; address: string }> {
  const peer = startPeer("sente_server", options);
  const [port] = (await peer.until("[:port ")).match(/\d+/) as RegExpMatchArray;
  return { peer, address: `//127.0.0.1:${port}/chsk` };
}

/** The events in so many lines of pushes that there are `count` of them or more, in order, as text. */
export async function pushed(client: Peer, count: number): Promise<string[]> {
  const events: string[] = [];
  while (events.length < count) events.push(...((await client.until("[:push ")).match(/\[:test\/[^[\]]*\]/g) ?? []));
  return events;
}

/** Values that come back equal, as ClojureScript prints them. */
export const echoed: readonly string[] = [
  "nil",
  "true",
  "false",
  "42",
  "-7",
  "0.1",
  "1e+21",
  "9007199254740991",
  "##Inf",
  '""',
  String.raw`"a \"b\" \\ \n\t☺ 😀"`,
  ":k",
  ":user/k",
  "a/sym",
  "[]",
  "[1 [2 nil] {}]",
  "(1 2)",
  '#{1 :a "x" nil}',
  '{:id 1, "b" 2, 3 [4], nil 5, [1 2] #{3}}',
  '#:user{:id 1, :name "ann"}',
  "{:user/id 1, :name 2}",
  '#inst "1985-04-12T23:20:50.520-00:00"',
  '#uuid "24f6e0aa-0000-4000-8000-000000000001"',
];

/** What `:test/kinds` of the ClojureScript server answers. */
export const senteKinds: Readonly<Record<string, unknown>> = {
  "nil": null,
  "yes": true,
  "int": 42,
  "float": 0.5,
  "text": 'a "b"\n☺',
  "keyword": keyword("k"),
  "user/keyword": keyword("user/k"),
  "symbol": new Sym("a/s"),
  "list": new List([1, 2]),
  "vector": [1, [2]],
  "set": new Set([1, keyword("a"), "x"]),
  "inst": new Date("1985-04-12T23:20:50.520Z"),
  "uuid": new Uuid("24f6e0aa-0000-4000-8000-000000000001"),
  "names": { "user/id": 1, "user/name": "ann" },
  "a b": new Map([[[1], 2]]),
};

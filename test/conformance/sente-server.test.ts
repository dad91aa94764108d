/** The recorded sessions, replayed against our server over a real WebSocket: what Sente's server said, ours says. */
import { once } from "node:events";
import { keyword } from "sente-sync";
import { transit } from "sente-sync/packers/transit";
import { createServer } from "sente-sync/server";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { type Coding, coding, codingOf } from "./codings.ts";
import { exchange, type Recording, rawSessions } from "./recordings.ts";

/** Recorded timers run so many times faster. */
const haste = 10;

interface Uid {
  readonly id: string;
}

/** `other`: what the recorded values are to travel in, if not as they were recorded. */
async function replay({ name, steps, serverOptions, packer }: Recording, other?: Coding): Promise<void> {
  const recorded = codingOf(packer);
  const { read, write } = other ?? recorded;
  const close = new Map<string, () => void>();
  const sync = createServer({
    packer: (other ?? recorded).packer,
    authenticate: ({ url }) => ({ id: url.searchParams.get("uid") ?? "" }),
    handshakeData: ({ url }) => (url.searchParams.get("hd") ? { hello: "world", n: 1 } : null),
    keepalive: {
      keepaliveMs: (serverOptions["ws-kalive-ms"] ?? 25_000) / haste,
      pingTimeoutMs: (serverOptions["ws-ping-timeout-ms"] ?? 10_000) / haste,
    },
    onConnect: (peer) => void close.set(peer.user.id, () => peer.close()),
    onError: () => {},
  });
  sync.on("test/echo", ({ data }) => data);
  sync.on("test/push-n", ({ data, user }) => {
    for (let i = 0; i < (data as number); i++) sync.send((user as Uid).id, "test/pushed", i);
    return keyword("ok");
  });
  sync.on("test/no-reply", () => new Promise(() => {}));
  sync.on("test/close-me", ({ peer }) => peer.close());
  // The recorded ClojureScript server had neither.
  if (!name.includes("ClojureScript server")) {
    sync.on("test/push-flush", ({ data, user }) => {
      for (let i = 0; i < (data as number); i++) sync.send((user as Uid).id, "test/pushed", i, { flush: true });
      return keyword("ok");
    });
    sync.on("test/double-reply", () => 1);
  }
  const port = await sync.listen(0, { host: "127.0.0.1" });
  onTestFinished(() => sync.close());

  let socket: WebSocket | undefined;
  let heard: unknown[] = [];
  let wake = (): void => {};
  const hear = async (count: number): Promise<void> => {
    while (heard.length < count) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  let uid = "";
  let expected: unknown[] = [];
  const replied = new Set<unknown>();
  /** All that was said until now, and nothing more: an echo comes behind it. */
  const compare = async (open: boolean): Promise<void> => {
    if (open) {
      socket?.send(write([[keyword("test/echo"), "that is all"], "end"]));
      expected.push(["that is all", "end"]);
    }
    await hear(expected.length);
    expect(heard).toStrictEqual(expected);
  };

  for (const step of steps) {
    switch (step.type) {
      case "open":
        uid = new URL(step.path, "ws://x").searchParams.get("uid") ?? "";
        heard = [];
        expected = [];
        socket = new WebSocket(`ws://127.0.0.1:${port}${step.path}`);
        socket.on("message", (data: Buffer, isBinary: boolean) => {
          heard.push(read(isBinary ? data : String(data)));
          wake();
        });
        await once(socket, "open");
        break;
      case "frame": {
        const frame = step.bytes ?? step.text;
        if (step.from === "client") {
          socket?.send(other ? write(recorded.read(frame)) : frame);
          break;
        }
        const value = recorded.read(frame);
        const callback = (value as unknown[])[1];
        // A second reply to one request is not ours to give.
        if (callback !== null && replied.has(callback)) break;
        replied.add(callback);
        expected.push(value);
        await hear(expected.length);
        break;
      }
      case "close": {
        if (step.code === 1006) {
          socket?.terminate();
          break;
        }
        // A server that fell silent, or was asked to close, has nothing more to say.
        const asked = steps[steps.indexOf(step) - 1];
        const byItself =
          asked?.type === "frame" && (asked.text.includes(":test/close-me") || asked.text.includes(":chsk/ws-ping"));
        await compare(!byItself);
        const closed = once(socket as WebSocket, "close");
        if (step.from === "client") socket?.close(step.code, "");
        else if (!byItself) close.get(uid)?.();
        const [code] = (await closed) as [number];
        if (step.from === "server") expect(code).toBe(1000);
        break;
      }
    }
  }
}

test.each([
  "cljs-ws-edn",
  "jvm-ws-edn",
  "cljs-ws-server-ping",
  "cljs-ws-client-ping",
  "cljs-ws-reconnect",
  "cljs-ws-msgpack",
  "cljs-ws-gzip-msgpack",
  "cljs-ws-msgpack-to-cljs-server",
  // Its client broke off before a word was said.
  "jvm-ws-transit",
])("WRAP1, HAND1, EVENT1, REPLY1, REPLY4 and PING1 as Sente's server answered in %s", (name) => replay(exchange(name)));

test.each([
  ["json", transit()],
  ["verbose", transit({ verbose: true })],
])(
  "WRAP1, HAND1, EVENT1, REPLY1 and REPLY4 as Sente's server answered in jvm-ws-edn, its values carried by transit, %s",
  (_, packer) => replay(exchange("jvm-ws-edn"), coding(packer)),
);

test.each(rawSessions().map((recording) => [recording.name, recording] as const))(
  "WRAP1, WRAP2, EVENT1, REPLY1, REPLY4 and PING2 as answered by %s",
  (_, recording) => replay(recording),
);

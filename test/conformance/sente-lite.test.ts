/** Our server against scripted peers that say what sente_lite's clients said, word for word, and expect what its server answered. */
import { readFileSync } from "node:fs";
import { keyword } from "sente-sync";
import { edn } from "sente-sync/packers/edn";
import { channel, createServer } from "sente-sync/server";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { senteLite } from "../../src/server/lite.ts";

interface Recorded {
  readonly name: string;
  readonly steps: readonly {
    readonly conn?: string;
    readonly kind?: string;
    readonly from?: string;
    readonly text?: string;
  }[];
}

const { sessions } = JSON.parse(readFileSync(new URL("vectors/exchanges-sente-lite.json", import.meta.url), "utf8")) as {
  sessions: Recorded[];
};

/** Frames in the order seen; the server's pings come by its clock, not by what was said. */
function framesOf(name: string): { line: string; from: string; text: string }[] {
  const recorded = sessions.find((session) => session.name === name) as Recorded;
  return recorded.steps.flatMap(({ conn = "a", from = "", text }) =>
    text === undefined || (from === "server" && text === "[:chsk/ws-ping]") ? [] : [{ line: conn, from, text }],
  );
}

const { unpack } = edn();

interface Line {
  say(text: string): void;
  next(): Promise<string>;
  readonly waiting: number;
  readonly closes: number[];
}

async function connect(port: number): Promise<Line> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/lite`);
  onTestFinished(() => socket.terminate());
  const frames: string[] = [];
  const closes: number[] = [];
  let wake = (): void => {};
  socket.on("message", (data, isBinary) => {
    frames.push(isBinary ? "binary" : String(data));
    wake();
  });
  socket.on("close", (code) => void closes.push(code));
  await new Promise((resolve) => socket.once("open", resolve));
  return {
    say: (text) => socket.send(text),
    async next() {
      while (!frames.length) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return frames.shift() as string;
    },
    get waiting() {
      return frames.length;
    },
    closes,
  };
}

/** What is not the same in two runs, named: connection ids by `ids`, times by what they are. */
function comparable(value: unknown, ids: ReadonlyMap<unknown, string>): unknown {
  if (Array.isArray(value)) return value.map((item) => comparable(item, ids));
  if (typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype)
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [
        key,
        key === "timestamp" && typeof item === "number" ? "time" : comparable(item, ids),
      ]),
    );
  return ids.get(value) ?? value;
}

/** Plays the clients' part; returns how much was compared. */
async function play(name: string): Promise<{ compared: number; malformed: number }> {
  const sync = createServer({ onError: () => {} });
  onTestFinished(() => sync.close());
  channel(sync, "room");
  senteLite(sync, { echo: true });
  const port = await sync.listen(0, { host: "127.0.0.1" });
  const lines = new Map<string, Line>();
  const ids = new Map<unknown, string>();
  let compared = 0;
  for (const { line: at, from, text } of framesOf(name)) {
    const line = lines.get(at) ?? (await connect(port));
    lines.set(at, line);
    if (from === "client") {
      line.say(text);
      continue;
    }
    const expected = unpack(text) as unknown[];
    const said = unpack(await line.next()) as unknown[];
    if (String(said[0]) === ":chsk/handshake") {
      for (const [id] of [expected[1], said[1]] as [string][]) ids.set(id, `id of ${at}`);
    }
    expect(comparable(said, ids)).toStrictEqual(comparable(expected, ids));
    compared++;
  }
  // Nothing more than was recorded: an answer to what came last would be in front of this pong.
  for (const line of lines.values()) {
    line.say("[:chsk/ws-ping]");
    expect(unpack(await line.next())).toEqual([keyword("chsk/ws-pong")]);
    expect([line.waiting, line.closes]).toEqual([0, []]);
  }
  return { compared, malformed: sync.stats().malformed };
}

test("LITE2, LITE3, LITE4, LITE5, LITE8 and LITE9 scripted clients are answered as sente_lite's server answered them", async () => {
  expect(await play("raw-to-nbb-server")).toEqual({ compared: 14, malformed: 2 });
});

test("LITE3, LITE5, LITE8, LITE9 and LITE11 sente_lite's own client is answered as its server answered it", async () => {
  expect(await play("lite-client-to-nbb-server")).toEqual({ compared: 6, malformed: 0 });
});

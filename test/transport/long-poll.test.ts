/** The client's long polling: the contract against our server's end over HTTP, and its rules against a scripted server in virtual time. */
import { setTimeout as sleep } from "node:timers/promises";
import { edn } from "sente-sync/packers/edn";
import { gzip } from "sente-sync/packers/gzip";
import { msgpack } from "sente-sync/packers/msgpack";
import { createRng } from "sente-sync/testing";
import { longPoll } from "sente-sync/transports/long-poll";
import { describe, expect, onTestFinished, test } from "vitest";
import { Keyword, keyword } from "../../src/core/values.ts";
import { connectorContractSuite } from "../../src/testing/contracts/connector.ts";
import { transportContractSuite } from "../../src/testing/contracts/transport.ts";
import { binaryFrame, type Recorder, realTime, record, textFrame } from "../../src/testing/contracts/transport-world.ts";
import { readPollBody } from "../../src/transport/poll-body.ts";
import type { LongPollClientOptions } from "../../src/transport/poll-http.ts";
import type { Format } from "../../src/transport/transport.ts";
import { openPollWorld, roomByBytes } from "../support/poll-world.ts";
import { type ScriptedFetch, scriptedFetch, settled } from "../support/scripted-fetch.ts";
import { createVirtualEnv } from "../support/virtual-env.ts";

/** Longer than a busy machine keeps a client from its next poll. */
const graceMs = 3000;

describe("longPoll as a transport", () => {
  const suite = transportContractSuite(
    async () => {
      const world = await openPollWorld({ graceMs });
      const client = await world.connect();
      const { transport } = world.accepted[0] as Recorder;
      return { client, server: roomByBytes(transport), ...realTime, dispose: world.dispose };
    },
    { gathers: ["client", "server"], pauses: ["client", "server"] },
  );
  for (const { name, run } of suite) test(name, run);
});

describe("longPoll as a connector", () => {
  const suite = connectorContractSuite(
    async () => {
      const { url, accepted, dispose } = await openPollWorld({ graceMs: 800 });
      // What was cancelled is over when its grace is.
      return { connector: longPoll(), url, accepted, until: realTime.until, settle: () => sleep(1000), dispose };
    },
    // The discard port: nobody listens there.
    "ws://127.0.0.1:9/",
  );
  for (const { name, run } of suite) test(name, run);
});

const address = "wss://host.example/chsk?client-id=ann-1&uid=ann&sync=1";

/** A client whose first request is on its way. */
function begin(options: LongPollClientOptions = {}, format?: Format, url = address) {
  const env = createVirtualEnv();
  const script = scriptedFetch();
  const said: string[] = [];
  const opened: Recorder[] = [];
  const opening = longPoll({ env, fetch: script.fetch, ...options }).open(
    url,
    {
      onOpen(transport) {
        said.push("open");
        opened.push(record(transport));
      },
      onFail: (reason) => said.push(reason),
    },
    format,
  );
  return { env, script, said, opened, opening };
}

/** One that has had the handshake of a server of ours, and polls. */
async function numbered(options?: LongPollClientOptions) {
  const { env, script, said, opened } = begin(options);
  await script.get().frames(0, ["handshake"], { name: "c0ffee" });
  expect(said).toEqual(["open"]);
  const heard = opened[0] as Recorder;
  expect(heard.frames).toEqual(["handshake"]);
  return { env, script, heard, transport: heard.transport };
}

const plainHandshake = [[keyword("chsk/handshake"), ["ann", null, null]], null];
type Packer = ReturnType<typeof edn>;

/** One that has had the handshake of a plain Sente server, and polls. */
async function plain(packer: Packer = edn()) {
  const { env, script, said, opened } = begin({}, packer);
  await script.get().answer(200, pack(packer, plainHandshake));
  await settled();
  expect(said).toEqual(["open"]);
  const heard = opened[0] as Recorder;
  heard.frames.length = 0;
  const { transport } = heard;
  const send = async (event: unknown, callback: unknown = null): Promise<void> => {
    const data = pack(packer, [event, callback]);
    transport.send({ data, text: typeof data === "string" });
    await settled();
  };
  return { env, script, heard, transport, send, told: () => heard.frames.map((frame) => unpack(packer, frame)) };
}

/** As it travels: sealed where the packer seals. */
function pack({ pack: packValue, seal }: Packer, value: unknown): string | Uint8Array<ArrayBuffer> {
  const packed = packValue(value);
  if (!seal) return packed;
  return seal.close(typeof packed === "string" ? Buffer.from(packed) : packed) as Uint8Array<ArrayBuffer>;
}

function unpack({ unpack: read, seal }: Packer, packed: string | Uint8Array): unknown {
  return read(seal ? (seal.open(packed as Uint8Array) as Uint8Array) : packed);
}

const framesOf = (body: unknown): unknown => readPollBody(body as Uint8Array);
const closesOf = async ({ closes }: Recorder): Promise<unknown> => {
  await settled();
  return closes;
};

describe("opening", () => {
  test("POLL1 it opens with the handshake of a server of ours, and polls by the name that it was given", async () => {
    const { script, heard } = await numbered();
    const { searchParams } = script.get().url;
    expect([searchParams.get("conn"), searchParams.get("arrived"), searchParams.has("handshake?")]).toEqual([
      "c0ffee",
      "1",
      false,
    ]);
    expect(heard.closes).toEqual([]);
  });

  test.each([
    ["a refusal", 403, "Bad CSRF token", "HTTP 403 Bad CSRF token"],
    ["a server that failed", 500, "", "HTTP 500"],
    ["a page of somebody on the way", 200, "<html>Log in</html>", /Error/],
    ["an empty answer", 200, "", /Error/],
    ["a value that is no message", 200, "{:a 1}", /Not a Sente message/],
  ])("POLL1 %s is a failed open", async (_, status, body, reason) => {
    const { script, said } = begin({}, edn());
    await script.get().answer(status, body);
    expect(said).toEqual([typeof reason === "string" ? expect.stringContaining(reason) : expect.stringMatching(reason)]);
    expect(script.all.length).toBe(1);
  });

  test("POLL1 a plain server and no format, a network that fails and a URL that is none are failed opens, never at once", async () => {
    const unformatted = begin();
    await unformatted.script.get().answer(200, "[[:chsk/handshake [nil nil nil]] nil]");
    const offline = begin();
    await offline.script.get().fail();
    const nowhere = begin({}, edn(), "no url at all");
    expect(nowhere.said).toEqual([]);
    await settled();
    expect([unformatted.said, offline.said, nowhere.said]).toEqual([
      [expect.stringContaining("no format")],
      [expect.stringContaining("fetch failed")],
      [expect.stringContaining("URL")],
    ]);
  });

  test("POLL1 an open without an answer is given up after requestTimeoutMs; a cancelled one is broken off and says nothing", async () => {
    const { env, script, said } = begin({ requestTimeoutMs: 7000 });
    env.advance(6999);
    await settled();
    expect(said).toEqual([]);
    env.advance(1);
    await settled();
    expect([said.length, script.open.length, env.timers]).toEqual([1, 0, 0]);
    const cancelled = begin();
    const request = cancelled.script.get();
    cancelled.opening.cancel();
    await settled();
    expect([request.isAborted, cancelled.said, cancelled.env.timers]).toEqual([true, [], 0]);
  });

  test("POLL2 each request has the parameters of the URL and the time, over http for ws; the first one asks for a handshake", async () => {
    const { env, script } = begin();
    env.advance(1234);
    const first = script.get();
    expect(first.url.href).toBe("https://host.example/chsk?client-id=ann-1&uid=ann&sync=1&handshake%3F=1&udt=0");
    await first.frames(0, ["handshake"], { name: "n" });
    expect(script.get().url.searchParams.get("udt")).toBe("1234");
    expect(script.get().url.searchParams.get("uid")).toBe("ann");
    expect(begin({}, undefined, "http://a/chsk?client-id=1").script.get().url.href).toContain("http://a/chsk?client-id=1&");
  });

  test("POLL3 each request shows that no foreign page sent it, the token and the headers that it was given", async () => {
    const { script, transport } = await numbered({ csrfToken: "tok", headers: { authorization: "Bearer 1" } });
    transport.send(textFrame("a"));
    await settled();
    for (const { headers, init } of script.all) {
      expect(headers.get("x-requested-with")).toBe("XMLHTTPRequest");
      expect([headers.get("x-csrf-token"), headers.get("authorization")]).toEqual(["tok", "Bearer 1"]);
      expect([init.cache, init.credentials]).toEqual(["no-store", "include"]);
    }
    expect(script.post().headers.get("content-type")).toBe("application/octet-stream");
    expect(begin().script.get().headers.has("x-csrf-token")).toBe(false);
  });
});

describe("the loop", () => {
  test("POLL4 a poll follows each answer, also an empty one, and says how many frames have come", async () => {
    const { script, heard } = await numbered();
    await script.get().frames(1, ["a", "b"]);
    await script.get().frames(3, []);
    await script.get().frames(3, ["c"]);
    expect([heard.frames, script.get().url.searchParams.get("arrived")]).toEqual([["handshake", "a", "b", "c"], "4"]);
  });

  test("POLL4 paused, it tells no answer and asks for no other", async () => {
    const { script, heard, transport } = await numbered();
    transport.pause();
    transport.pause();
    await script.get().frames(1, ["a"]);
    expect([heard.frames, script.open.length]).toEqual([["handshake"], 0]);
    transport.resume();
    await settled();
    expect([heard.frames, script.open.length]).toEqual([["handshake", "a"], 1]);
    transport.pause();
    await script.get().frames(2, ["late"]);
    transport.terminate();
    await settled();
    expect(heard.events).toEqual(["frame", "frame", "close"]);
  });

  test.each<[string, (request: ReturnType<ScriptedFetch["get"]>) => Promise<void>]>([
    ["fail", (request) => request.fail()],
    ["are answered with 500", (request) => request.answer(500)],
    ["are answered with 502", (request) => request.answer(502, "<html>")],
    ["are answered with 408", (request) => request.answer(408)],
    ["are answered by somebody else", (request) => request.answer(200, "<html>Log in</html>", "text/html")],
  ])("POLL5 polls that %s are repeated after 50 ms, 100 ms and so on, and given up after retryMs", async (_, break_) => {
    const { env, script, heard } = await numbered();
    const atMs: number[] = [];
    while (heard.closes.length === 0 && atMs.length < 20) {
      atMs.push(env.nowMs());
      await break_(script.get());
      while (!script.open.length && env.timers) {
        env.advance(10);
        await settled();
      }
    }
    expect(atMs).toEqual([0, 50, 150, 350, 750, 1550, 2550, 3550, 4550]);
    expect([heard.closes, env.timers]).toEqual([[{ code: 1006, reason: "no answer" }], 0]);
  });

  test("POLL5 an exchange that works again begins the count anew, and loses nothing", async () => {
    const { env, script, heard } = await numbered();
    for (let at = 1; at <= 4; at++) {
      for (let i = 0; i < 5; i++) {
        await script.get().fail();
        env.advance(1000);
        await settled();
      }
      await script.get().frames(at, [`${at}`]);
    }
    expect([heard.frames, heard.closes]).toEqual([["handshake", "1", "2", "3", "4"], []]);
  });

  test("POLL6 polls that are held until their time is up are no failures, however many", async () => {
    const { env, script, heard } = await numbered({ requestTimeoutMs: 30_000 });
    for (let i = 0; i < 10; i++) {
      const poll = script.get();
      env.advance(30_000);
      await settled();
      expect(poll.isAborted).toBe(true);
      env.advance(50);
      await settled();
    }
    await script.get().frames(1, ["a"]);
    expect([heard.frames, heard.closes]).toEqual([["handshake", "a"], []]);
  });

  test("POLL6 a server that has no time for a post is asked again for as long as it says so", async () => {
    const { env, script, heard, transport } = await numbered();
    transport.send(textFrame("a"));
    await settled();
    for (let i = 0; i < 30; i++) {
      await script.post().answer(429);
      env.advance(1000);
      await settled();
    }
    await script.post().answer(204);
    expect([transport.bufferedBytes, heard.closes]).toEqual([0, []]);
  });

  test.each([400, 401, 403, 404, 409, 410])(
    "POLL7 a poll or post that is answered with %i ends the connection",
    async (status) => {
      const polled = await numbered();
      await polled.script.get().answer(status);
      expect(await closesOf(polled.heard)).toEqual([{ code: 1006, reason: `HTTP ${status}` }]);
      const posted = await numbered();
      posted.transport.send(textFrame("a"));
      await settled();
      await posted.script.post().answer(status);
      expect(await closesOf(posted.heard)).toEqual([{ code: 1006, reason: `HTTP ${status}` }]);
      expect([polled.script.open, posted.script.open]).toEqual([[], []]);
    },
  );

  test("POLL8 what one turn sends is one post, and what is sent meanwhile goes with the next", async () => {
    const { script, transport } = await numbered();
    transport.send(textFrame("a"));
    transport.cork();
    transport.send(binaryFrame(2));
    transport.uncork();
    await settled();
    transport.send(textFrame("b"));
    transport.send(textFrame("c"));
    await settled();
    expect(framesOf(script.post().body)).toEqual({ first: 0, frames: ["a", Uint8Array.of(7, 7)] });
    await script.post().answer(204);
    expect(framesOf(script.post().body)).toEqual({ first: 2, frames: ["b", "c"] });
    expect(transport.bufferedBytes).toBe(2);
  });

  test("POLL9 a close that nobody answers, or is refused, is told as 1006, after two seconds at the latest", async () => {
    const silent = await numbered();
    silent.transport.close(4000, "bye");
    await settled();
    silent.env.advance(1999);
    expect(await closesOf(silent.heard)).toEqual([]);
    silent.env.advance(1);
    expect(await closesOf(silent.heard)).toEqual([{ code: 1006, reason: "" }]);
    const lost = await numbered();
    lost.transport.close(4000, "bye");
    await settled();
    await lost.script.post().fail();
    expect(await closesOf(lost.heard)).toEqual([{ code: 1006, reason: "" }]);
    expect([silent.env.timers, silent.script.open, lost.env.timers, lost.script.open]).toEqual([0, [], 0, []]);
  });

  test("POLL10 a connection that ended breaks off its requests, forgets its timers and says nothing more", async () => {
    const { env, script, heard, transport } = await numbered();
    for (let i = 0; i < 3; i++) transport.send(binaryFrame(64 * 1024));
    await settled();
    const [poll, post] = script.open;
    await (poll as ReturnType<ScriptedFetch["get"]>).fail();
    transport.terminate();
    // Both came too late.
    await post?.answer(204);
    await settled();
    expect([heard.events, script.open, env.timers, transport.bufferedBytes]).toEqual([["frame", "close"], [], 0, 0]);
    env.advance(60_000);
    await settled();
    expect(script.all.length).toBe(3);
  });
});

describe("a server of ours", () => {
  test("POLL11 frames that come again are not told again, and a gap ends the connection", async () => {
    const { script, heard } = await numbered();
    await script.get().frames(0, ["handshake", "a"]);
    await script.get().frames(1, ["a"]);
    await script.get().frames(1, ["a", "b"]);
    expect(heard.frames).toEqual(["handshake", "a", "b"]);
    await script.get().frames(4, ["d"]);
    expect([heard.frames.length, await closesOf(heard)]).toEqual([3, [{ code: 1006, reason: "frames are missing" }]]);
  });

  test("POLL12 a post is repeated until it is taken, with the same frames under the same numbers; 204 alone means taken", async () => {
    const { env, script, transport } = await numbered();
    transport.send(textFrame("a"));
    await settled();
    transport.send(textFrame("b"));
    const first = script.post().body;
    for (const answer of [
      () => script.post().fail(),
      () => script.post().answer(503),
      () => script.post().answer(200, "<html>"),
    ]) {
      await answer();
      env.advance(1000);
      await settled();
      expect(script.post().body).toEqual(first);
    }
    await script.post().answer(204);
    expect(framesOf(script.post().body)).toEqual({ first: 1, frames: ["b"] });
  });

  test("POLL13 a post has 256 KiB, or one frame", async () => {
    const { script, transport } = await numbered();
    for (const size of [300_000, 200_000, 62_144, 1]) transport.send(binaryFrame(size));
    await settled();
    const sizes: number[][] = [];
    while (script.open.length > 1) {
      sizes.push(readPollBody(script.post().body as Uint8Array).frames.map(({ length }) => length));
      await script.post().answer(204);
    }
    expect(sizes).toEqual([[300_000], [200_000, 62_144], [1]]);
  });

  test("POLL13 a post that is too large is made smaller; one frame that is too large ends the connection with 1009", async () => {
    const { script, heard, transport } = await numbered();
    const taken: number[] = [];
    for (const size of [30_000, 30_000, 30_000, 50_000]) transport.send(binaryFrame(size));
    await settled();
    while (script.open.length > 1) {
      const { frames } = readPollBody(script.post().body as Uint8Array);
      const isTooLarge = frames.reduce((sum, { length }) => sum + length, 0) > 40_000;
      if (!isTooLarge) taken.push(...frames.map(({ length }) => length));
      await script.post().answer(isTooLarge ? 413 : 204);
    }
    expect([taken, await closesOf(heard)]).toEqual([[30_000, 30_000, 30_000], [{ code: 1009, reason: "too large" }]]);
  });

  test("POLL14 a close is posted after the last frame, and frames that come until it is answered are not told", async () => {
    const { script, heard, transport } = await numbered();
    transport.send(textFrame("a"));
    transport.close(4001, "bye");
    await settled();
    await script.get().frames(1, ["late"]);
    await script.post().answer(204);
    expect(framesOf(script.post().body)).toEqual({ first: 1, frames: [], close: { code: 4001, reason: "bye" } });
    await script.post().answer(204);
    expect(await closesOf(heard)).toEqual([{ code: 4001, reason: "bye" }]);
    expect([heard.frames, script.open]).toEqual([["handshake"], []]);
  });

  test("POLL14 a close of the server's is told after the frames before it, also with the handshake", async () => {
    const { script, heard } = await numbered();
    await script.get().frames(1, ["a"], { close: { code: 4013, reason: "stuck" } });
    expect([heard.frames, await closesOf(heard)]).toEqual([["handshake", "a"], [{ code: 4013, reason: "stuck" }]]);
    const refused = begin();
    await refused.script.get().frames(0, ["handshake"], { name: "n", close: { code: 4008, reason: "full" } });
    expect(await closesOf(refused.opened[0] as Recorder)).toEqual([{ code: 4008, reason: "full" }]);
    expect(refused.script.open).toEqual([]);
  });

  test("POLL15 a body that cannot be read ends the connection", async () => {
    const { script, heard } = await numbered();
    await script.get().answer(200, Uint8Array.of(0, 0, 0, 1, 64, 0), "application/x-sente-sync");
    expect(await closesOf(heard)).toEqual([{ code: 1006, reason: expect.stringContaining("Not a body") }]);
  });

  test.each([1, 2, 3])(
    "POLL11 and POLL12 exchanges that are lost, before or after the server acted, lose and repeat nothing (seed %i)",
    async (seed) => {
      const world = await openPollWorld({ timeoutMs: 60, graceMs: 3000 });
      onTestFinished(world.dispose);
      const rng = createRng(seed);
      let isSafe = true;
      let lost = 0;
      const faulty = (async (url: URL, init: RequestInit) => {
        const fate = isSafe ? 1 : rng.next();
        if (fate < 0.15) throw new TypeError("lost on the way there");
        const response = await fetch(url, init);
        if (fate < 0.3) {
          lost++;
          throw new TypeError("lost on the way back");
        }
        return fate < 0.4 ? new Response("bad gateway", { status: 502 }) : response;
      }) as typeof fetch;
      const client = record(await world.connect({ fetch: faulty }));
      isSafe = false;
      const server = world.accepted[0] as Recorder;
      const expected = Array.from({ length: 60 }, (_, i) => `${i}`);
      for (const word of expected) {
        client.transport.send(textFrame(word));
        server.transport.send(textFrame(word));
        // However slow the machine is, it takes many exchanges.
        if (Number(word) % 2) await realTime.until(() => server.frames.length > Number(word));
        else await new Promise((resolve) => setTimeout(resolve, rng.next() * 8));
      }
      await realTime.until(() => client.frames.length >= 60 && server.frames.length >= 60);
      await realTime.settle();
      expect([client.frames, server.frames]).toEqual([expected, expected]);
      expect(lost).toBeGreaterThan(0);
    },
  );

  test("POLL13 a server that reads small bodies only is given small posts", async () => {
    const world = await openPollWorld({ maxFrameBytes: 10_000, graceMs });
    onTestFinished(world.dispose);
    const client = record(await world.connect());
    const server = world.accepted[0] as Recorder;
    for (let i = 0; i < 40; i++) client.transport.send(binaryFrame(9000, i));
    await realTime.until(() => server.frames.length === 40 || client.closes.length > 0);
    expect([client.closes, server.frames.map((frame) => (frame as Uint8Array)[0])]).toEqual([[], [...Array(40).keys()]]);
  });
});

describe("a plain Sente server", () => {
  const pushed = [[[keyword("test/pushed"), 1]], null];

  test("POLL16 each answer to a poll is told, but not that nothing came; what follows a poll that failed asks for a handshake", async () => {
    const { env, script, heard, told } = await plain();
    const asksForHandshake = (): boolean => script.get().url.searchParams.has("handshake?");
    const request = script.get();
    expect([...request.url.searchParams.keys()].sort()).toEqual(["client-id", "sync", "udt", "uid"]);
    await request.answer(200, edn().pack([keyword("chsk/timeout"), null]));
    await script.get().answer(200, edn().pack(pushed));
    expect(asksForHandshake()).toBe(false);
    for (const fails of [() => script.get().fail(), () => script.get().answer(500)]) {
      await fails();
      env.advance(100);
      await settled();
      expect(asksForHandshake()).toBe(true);
    }
    await script.get().answer(200, edn().pack(plainHandshake));
    expect([told(), asksForHandshake(), heard.closes]).toStrictEqual([[pushed, plainHandshake], false, []]);
  });

  test.each(["", "<html>Log in</html>", "[:unfinished", "{:a 1}"])(
    "POLL16 a poll that is answered with %j ends the connection",
    async (body) => {
      const { script, heard } = await plain();
      await script.get().answer(200, body);
      expect([heard.frames, await closesOf(heard)]).toEqual([[], [{ code: 1006, reason: expect.any(String) }]]);
      expect(script.open).toEqual([]);
    },
  );

  test("POLL17 text is posted as a form to the path alone", async () => {
    const { env, script, send } = await plain();
    env.advance(77);
    await send([keyword("test/echo"), { x: "é & +%" }]);
    const { url, headers, body } = script.post();
    expect(url.href).toBe("https://host.example/chsk");
    expect(headers.get("content-type")).toBe("application/x-www-form-urlencoded;charset=UTF-8");
    const fields = Object.fromEntries(new URLSearchParams(body as string));
    expect(Object.keys(fields).sort()).toEqual(["client-id", "ppstr", "udt"]);
    expect([fields["client-id"], fields["udt"]]).toEqual(["ann-1", "77"]);
    expect(edn().unpack(fields["ppstr"] ?? "")).toStrictEqual([[keyword("test/echo"), { x: "é & +%" }], null]);
  });

  test.each([
    ["msgpack", msgpack()],
    ["gzip(edn)", gzip(edn())],
  ])("POLL17 and POLL22 what %s packed is posted as bytes, and its answers are read as such", async (_, packer) => {
    const { script, send, told } = await plain(packer);
    await send([keyword("test/echo"), { x: "é" }], "c1");
    const { url, headers, body } = script.post();
    expect(url.pathname).toBe("/chsk");
    expect([...url.searchParams.keys()].sort()).toEqual(["binary?", "client-id", "udt"]);
    expect([url.searchParams.get("binary?"), headers.get("content-type")]).toEqual(["true", "application/octet-stream"]);
    expect(unpack(packer, body as Uint8Array)).toStrictEqual([[keyword("test/echo"), { x: "é" }], keyword("ajax")]);
    await script.post().answer(200, pack(packer, ["answered", null]));
    await settled();
    await script.get().answer(200, pack(packer, [keyword("chsk/timeout"), null]));
    await settled();
    await script.get().answer(200, pack(packer, pushed));
    await settled();
    expect(told()).toStrictEqual([["answered", "c1"], pushed]);
  });

  test("POLL18 a callback id stays here, and the reply is told with it; no reply in the server's time is an error, and no reply to an event nothing", async () => {
    const { script, send, told } = await plain();
    const answer = (value: unknown): Promise<void> => script.post().answer(200, edn().pack([value, null]));
    for (const [callback, reply] of [
      ["c1", 42],
      ["c2", null],
      ["c3", new Keyword("chsk/timeout")],
      [null, new Keyword("chsk/dummy-cb-200")],
    ]) {
      await send([keyword("test/echo"), 1], callback);
      const ppstr = new URLSearchParams(script.post().body as string).get("ppstr") ?? "";
      expect(edn().unpack(ppstr)).toStrictEqual([[keyword("test/echo"), 1], callback === null ? null : keyword("ajax")]);
      await answer(reply);
    }
    expect(told()).toStrictEqual([
      [42, "c1"],
      [null, "c2"],
      [[keyword("sync/error"), { code: "timeout", message: expect.any(String) }], "c3"],
    ]);
  });

  test.each<[string, (script: ScriptedFetch) => Promise<void>]>([
    ["fails", (script) => script.post().fail()],
    ["is refused", (script) => script.post().answer(403)],
    ["meets a server that failed", (script) => script.post().answer(500)],
    ["is answered with nothing", (script) => script.post().answer(200, "")],
  ])("POLL19 a post that %s is not repeated: it ends the connection", async (_, happens) => {
    const { script, heard, send } = await plain();
    await send([keyword("test/echo"), 1], "c1");
    await happens(script);
    expect(await closesOf(heard)).toEqual([{ code: 1006, reason: expect.any(String) }]);
    expect(script.all.filter(({ method }) => method === "POST").length).toBe(1);
  });

  /** What is posted and not answered. */
  const posts = (script: ScriptedFetch): string[] =>
    script.open.flatMap(({ body }) => (typeof body === "string" ? [new URLSearchParams(body).get("ppstr") ?? ""] : []));

  test("POLL20 no post waits for the answer to a request, and answers are told as they come", async () => {
    const { script, send, told } = await plain();
    for (let i = 0; i < 20; i++) await send([keyword("a/slow")], `c${i}`);
    await send([keyword("a/told")]);
    expect(posts(script)).toEqual([...Array(20).fill("[[:a/slow] :ajax]"), "[[:a/told] nil]"]);
    const answers = script.open
      .filter(({ method }) => method === "POST")
      .slice(0, 20)
      .reverse();
    for (const [index, answer] of answers.entries()) await answer.answer(200, `[${19 - index} nil]`);
    expect(told()).toEqual(Array.from({ length: 20 }, (_, index) => [19 - index, `c${19 - index}`]));
  });

  test("POLL20 a post waits for the answer to an event before it, which a server gives at once, for 100 ms at most", async () => {
    const { env, script, send } = await plain();
    await send([keyword("a/first")]);
    await send([keyword("a/second")]);
    await send([keyword("a/asked")], "c1");
    await send([keyword("a/third")]);
    expect(posts(script)).toEqual(["[[:a/first] nil]"]);
    await script.post().answer(200, "[:chsk/dummy-cb-200 nil]");
    expect(posts(script)).toEqual(["[[:a/second] nil]"]);
    env.advance(99);
    await settled();
    expect(posts(script).length).toBe(1);
    env.advance(1);
    await settled();
    expect(posts(script)).toEqual(["[[:a/second] nil]", "[[:a/asked] :ajax]", "[[:a/third] nil]"]);
  });

  test("POLL8 and POLL20 what a cork holds back leaves with its end, and before a close", async () => {
    const { script, transport, send } = await plain();
    transport.cork();
    await send([keyword("a/first")], "c1");
    expect(posts(script)).toEqual([]);
    expect(transport.uncork()).toBe(true);
    await settled();
    transport.cork();
    await send([keyword("a/second")], "c2");
    transport.close();
    await settled();
    expect(posts(script)).toEqual(["[[:a/first] :ajax]", "[[:a/second] :ajax]"]);
  });

  test("POLL20 a close waits for what was posted to be answered, and needs no post of its own", async () => {
    const { script, heard, transport, send } = await plain();
    await send([keyword("a/slow")], "c1");
    transport.close(1000, "CLOSE_NORMAL");
    expect(await closesOf(heard)).toEqual([]);
    await script.post().answer(200, "[1 nil]");
    expect(await closesOf(heard)).toEqual([{ code: 1000, reason: "CLOSE_NORMAL" }]);
    expect(script.all.filter(({ method }) => method === "POST").length).toBe(1);
  });

  test("POLL21 a ping is answered here, and a pong goes nowhere", async () => {
    const { script, send, told } = await plain();
    await send([keyword("chsk/ws-ping")], "ping");
    await send([keyword("chsk/ws-pong")]);
    await send([keyword("chsk/ws-ping")]);
    expect([told(), script.open.length]).toEqual([[["pong", "ping"]], 1]);
  });
});

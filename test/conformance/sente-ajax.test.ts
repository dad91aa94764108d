/** The recorded long-polling sessions, replayed against our server over real HTTP: what Sente's server answered, ours answers. */
import { keyword } from "sente-sync";
import { createServer } from "sente-sync/server";
import { expect, onTestFinished, test } from "vitest";
import { type Exchange, exchange as request } from "../support/http-client.ts";
import { type Coding, codingOf } from "./codings.ts";
import { exchange, type Recording } from "./recordings.ts";

/** Recorded timers run so many times faster. */
const haste = 10;

interface Uid {
  readonly id: string;
}

/** Sessions whose posts told their user by a header, which the recording left out: posts do not carry the parameters of polls. */
const userOfPosts: Record<string, string> = { "cljs-ajax-edn": "carol", "cljs-ajax-msgpack": "carol" };

function serve({ serverOptions }: Pick<Recording, "serverOptions">, { packer }: Coding, onAsked: (error?: unknown) => void) {
  const sync = createServer({
    packer,
    authenticate: ({ request: { headers } = {}, url }) => {
      const uid = url.searchParams.get("uid") ?? headers?.["x-uid"];
      return typeof uid === "string" ? { id: uid } : { id: `nobody-${Math.random()}`, anonymous: true };
    },
    ...(serverOptions.csrf && { csrfToken: () => "tok" }),
    // Sente lets pass every origin and who has none.
    origins: "all",
    reject: () => void onAsked(),
    longPoll: { timeoutMs: (serverOptions["lp-timeout-ms"] ?? 20_000) / haste, graceMs: 5000 / haste },
    onError: onAsked,
  });
  sync.on("test/echo", ({ data }) => data);
  sync.on("test/push-n", ({ data, user }) => {
    for (let i = 0; i < (data as number); i++) sync.send((user as Uid).id, "test/pushed", i);
  });
  sync.on("test/push-flush", ({ data, user }) => {
    for (let i = 0; i < (data as number); i++) sync.send((user as Uid).id, "test/pushed", i, { flush: true });
    return keyword("ok");
  });
  onTestFinished(() => sync.close());
  return sync;
}

async function replay(recording: Recording): Promise<void> {
  const coding = codingOf(recording.packer);
  const errors: unknown[] = [];
  let asked = 0;
  let wake = (): void => {};
  const sync = serve(recording, coding, (error) => {
    if (error) errors.push(error);
    else asked++;
    wake();
  });
  const port = await sync.listen(0, { host: "127.0.0.1" });
  const open = new Map<number, Exchange>();
  const unanswered = new Set<number>();
  let sent = 0;
  for (const step of recording.http) {
    if (step.type === "request") {
      const { method, path, body } = step;
      const uid = userOfPosts[recording.name];
      const headers = { ...step.headers, connection: "close", ...(uid && method === "POST" && { "x-uid": uid }) };
      const exchanged = request(port, { method, path, headers, body });
      void exchanged.answer.then(
        () => unanswered.delete(step.id),
        () => {},
      );
      open.set(step.id, exchanged);
      unanswered.add(step.id);
      sent++;
      // The recorded ones were seconds apart: each had reached the server before the next.
      while (asked < sent) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      await new Promise(setImmediate);
    }
    if (step.type === "response") {
      const { status, body } = (await open.get(step.id)?.answer) ?? { status: 0, body: Buffer.of() };
      expect(status).toBe(step.status);
      if (status === 200) expect(coding.read(body)).toStrictEqual(coding.read(step.body));
      else expect(String(body)).toBe(String(step.body));
    }
  }
  expect(errors).toEqual([]);
  // What had no answer when the client went has none here either.
  const pending = recording.http.flatMap((step) => (step.type === "request" ? [step.id] : []));
  const answered = new Set(recording.http.flatMap((step) => (step.type === "response" ? [step.id] : [])));
  expect([...unanswered]).toEqual(pending.filter((id) => !answered.has(id)));
  for (const { abort } of open.values()) abort();
}

test.each([
  "cljs-ajax-edn",
  "cljs-ajax-msgpack",
  "cljs-ajax-gzip-edn-no-csrf-token",
  "cljs-ajax-lp-timeout",
  "cljs-auto-downgrade",
  "cljs-rejected-csrf",
])("AJAX1, AJAX2, AJAX4, AJAX5 and AJAX6 as Sente's server answered in %s", (name) => replay(exchange(name)));

test("AJAX5 three pushes of one turn are one batch, and two flushed ones go to two polls", () => {
  // As recorded, so that the sessions above do prove it.
  const { http, packer } = exchange("cljs-ajax-edn");
  const { read } = codingOf(packer);
  const bodies = http.flatMap((step) => (step.type === "response" ? [read(step.body)] : []));
  const pushed = (i: number): unknown[] => [keyword("test/pushed"), i];
  expect(bodies).toContainEqual([[pushed(0), pushed(1), pushed(2)], null]);
  expect(bodies).toContainEqual([[pushed(0)], null]);
  expect(bodies).toContainEqual([[pushed(1)], null]);
});

test.each(["cljs-ajax-edn", "cljs-ajax-msgpack"])(
  "AJAX6 a POST of %s that waits for its reply is answered with :chsk/timeout",
  async (name) => {
    const recording = exchange(name);
    const coding = codingOf(recording.packer);
    const sync = serve({ serverOptions: { "lp-timeout-ms": 500 } }, coding, () => {});
    sync.on("test/no-reply", () => new Promise(() => {}));
    const port = await sync.listen(0, { host: "127.0.0.1" });
    const packed = coding.write([[keyword("test/no-reply")], keyword("ajax")]);
    const { status, body } = await request(
      port,
      typeof packed === "string"
        ? { method: "POST", path: "/chsk", body: new URLSearchParams({ "client-id": "a", "ppstr": packed }).toString() }
        : { method: "POST", path: "/chsk?client-id=a&binary%3F=true", body: packed },
    ).answer;
    expect([status, coding.read(body)]).toStrictEqual([200, [keyword("chsk/timeout"), null]]);
  },
);

test.each([
  ["msgpack", 0],
  ["msgpack", 1000],
  ["gzip-edn", 0],
  ["gzip-msgpack", 0],
  // A payload of 4 KiB, which gzip does compress.
  ["gzip-edn", 4096],
] as const)("AJAX1 a binary body of %s, %i bytes larger than need be, is read", async (name, extra) => {
  const coding = codingOf(name);
  const sync = serve({ serverOptions: {} }, coding, () => {});
  const port = await sync.listen(0, { host: "127.0.0.1" });
  const value = { text: name.startsWith("gzip") ? "x".repeat(extra) : "é", n: 1 };
  const packed = coding.write([[keyword("test/echo"), value], keyword("ajax")]) as Uint8Array;
  // The browser's MessagePack posts its whole buffer, zeros behind the message.
  const body = name === "msgpack" ? Buffer.concat([packed, Buffer.alloc(extra)]) : packed;
  const answer = await request(port, { method: "POST", path: "/chsk?client-id=a&binary%3F=true", body }).answer;
  expect([answer.status, coding.read(answer.body)]).toStrictEqual([200, [value, null]]);
  expect(answer.body.length < 4096).toBe(true);
});

import fc from "fast-check";
import { edn } from "sente-sync/packers/edn";
import { expect, test } from "vitest";
import { Keyword, List } from "../../src/core/values.ts";
import { event, readDown, readErrorReply, readUp, wrap } from "../../src/session/messages/sente.ts";
import {
  readHello,
  readIds,
  readPositions,
  readSince,
  readSubscribe,
  readSubscribed,
  readWelcome,
  readWrite,
} from "../../src/session/messages/sync.ts";

const { pack, unpack } = edn();
const up = (text: string) => readUp(unpack(text));
/** What was heard of a message; nothing: it was malformed. */
function hear(message: unknown): unknown[] | undefined {
  const heard: unknown[] = [];
  const isSound = readDown(message, {
    handshake: (uid, data, version) => heard.push({ type: "handshake", uid, data, version }),
    ping: () => heard.push({ type: "ping" }),
    reply: (callback, value) => heard.push({ type: "reply", callback, value }),
    event: (id, data) => heard.push({ id, data }),
  });
  if (isSound) return heard;
  expect(heard).toEqual([]);
  return undefined;
}
const down = (text: string) => hear(unpack(text));

test("WRAP1 the wrapper always has its nil", () => {
  expect(pack(wrap(event("a/b", 1)))).toBe("[[:a/b 1] nil]");
  expect(pack(wrap(event("a/b"), "cb"))).toBe('[[:a/b] "cb"]');
});

test("WRAP1 a wrapper of one element asks for no reply", () => {
  expect(up("[[:a/b 1]]")).toEqual({ type: "event", id: "a/b", data: 1, callback: null });
});

test("WRAP3 what is not a vector of one or two elements is malformed, both ways", () => {
  for (const text of ["[]", "[[:a/b] nil nil]", "nil", "1", '"x"', ":a/b", "{:a 1}", "#{1}", "([:a/b] nil)"]) {
    expect(up(text)).toEqual({ type: "malformed" });
    expect(down(text)).toBe(undefined);
  }
});

test("WRAP4 a callback id is any value but nil and false", () => {
  for (const id of ['"24f6e0"', ":ajax", "0", '""', "[1]"])
    expect(up(`[[:a/b 1] ${id}]`)).toMatchObject({ callback: unpack(id) });
  for (const none of ["nil", "false"]) expect(up(`[[:a/b 1] ${none}]`)).toMatchObject({ callback: null });
});

test("EVENT1 an event is a namespaced keyword and perhaps its data, which is nil where it is missing", () => {
  expect(up("[[:a/b] nil]")).toEqual({ type: "event", id: "a/b", data: null, callback: null });
  expect(up("[[:a/b nil] nil]")).toEqual({ type: "event", id: "a/b", data: null, callback: null });
});

test("EVENT3 anything else in its place is a bad event, told as it came", () => {
  for (const what of ['["bad" 1]', "[:unqualified 1]", "[]", "[:a/b 1 2]", "nil", ":a/b", "{:a 1}", '"x"', "(:a/b 1)"]) {
    expect(up(`[${what} "cb"]`)).toEqual({ type: "bad-event", what: unpack(what), callback: "cb" });
  }
});

test("PING1 a ping is a bare keyword from the server, and an event from a client", () => {
  expect(down("[:chsk/ws-ping nil]")).toEqual([{ type: "ping" }]);
  expect(up('[[:chsk/ws-ping] "cb"]')).toEqual({ type: "ping", callback: "cb" });
  expect(up("[[:chsk/ws-pong] nil]")).toEqual({ type: "pong" });
});

test("HAND2 a handshake of three elements is plain Sente's, one with {:v 1} is ours", () => {
  expect(down('[[:chsk/handshake ["u" nil {:n 1}]] nil]')).toEqual([{ type: "handshake", uid: "u", data: { n: 1 }, version: 0 }]);
  expect(down('[[:chsk/handshake ["u" nil nil {:v 1}]] nil]')).toEqual([{ type: "handshake", uid: "u", data: null, version: 1 }]);
  expect(down('[[:chsk/handshake ["u" nil nil {:v "1"}]] nil]')).toMatchObject([{ version: 0 }]);
  expect(down("[[:chsk/handshake nil] nil]")).toMatchObject([{ type: "handshake", data: null, version: 0 }]);
});

test("WRAP2 without a callback id what a server says is a batch of events", () => {
  expect(down("[[[:a/b 1] [:c/d]] nil]")).toEqual([
    { id: "a/b", data: 1 },
    { id: "c/d", data: null },
  ]);
  // Of a batch with one bad event, nothing is heard.
  for (const text of ["[[1] nil]", "[[[]] nil]", '[[["a"]] nil]', "[1 nil]", "[[[:a/b 1] 2] nil]"])
    expect(down(text)).toBe(undefined);
});

test("REPLY1 with a callback id what a server says is a reply, nil too", () => {
  expect(down('[nil "cb"]')).toEqual([{ type: "reply", callback: "cb", value: null }]);
  expect(down('[[[:a/b 1]] "cb"]')).toMatchObject([{ type: "reply", callback: "cb" }]);
});

test("REPLY3 an error is the reply [:sync/error {…}]", () => {
  expect(readErrorReply(unpack('[:sync/error {:code "forbidden" :message "No." :data 1}]'))).toMatchObject({
    name: "SyncError",
    code: "forbidden",
    message: "No.",
    data: 1,
  });
  expect(readErrorReply(unpack('[:sync/error {:code "app/x"}]'))).toMatchObject({ code: "app/x", message: "app/x" });
  for (const odd of ["[:sync/error]", "[:sync/error 1]", "[:sync/error {:code 1}]"])
    expect(readErrorReply(unpack(odd))).toMatchObject({ code: "internal" });
  for (const other of ["[]", "nil", "[:sync/other {}]", '["sync/error" {}]'])
    expect(readErrorReply(unpack(other))).toBe(undefined);
});

test("HELLO1, SUB1, SUB9 and WRITE1 the readers take the shapes of the document", () => {
  expect(readHello(unpack("{:v 1 :session nil :token nil}"))).toEqual({
    v: 1,
    session: null,
    token: null,
    binary: false,
    late: false,
  });
  expect(
    readSubscribe(unpack('[{:topic "a" :kind "atom" :since ["e" 3]} {:topic "b" :kind "channel" :since nil :read false} 7]')),
  ).toEqual([
    { topic: "a", kind: "atom", since: { epoch: "e", offset: 3 }, read: true, version: 1 },
    { topic: "b", kind: "channel", since: null, read: false, version: 1 },
    undefined,
  ]);
  expect(readSince(unpack("[nil 0]"))).toEqual({ epoch: null, offset: 0 });
  expect(readSubscribed(unpack('{:id 1 :at ["e" 3] :recovered true :durability "memory"}'))).toEqual({
    id: 1,
    at: { epoch: "e", offset: 3 },
    recovered: true,
  });
  expect(readSubscribed(unpack('{:error {:code "x"} :id 1 :at ["e" 3]}'))).toEqual({ error: { code: "x" } });
  for (const odd of ["nil", "[]", "{:id 1}", '{:id -1 :at ["e" 3]}', '{:id 1 :at ["e" -1]}', '{:at ["e" 3]}'])
    expect(readSubscribed(unpack(odd))).toEqual({ error: undefined });
  expect(readIds(unpack("[1 2]"))).toEqual([1, 2]);
  expect(readPositions(unpack("[[1 0] [2 7]]"))).toEqual([
    [1, 0],
    [2, 7],
  ]);
  expect(readWrite(unpack('[1 5 [["said" {}]]]'))).toEqual({ id: 1, firstSeq: 5, resent: 0, ops: [["said", {}]] });
  expect(readWrite(unpack("[1 5 [] 3]"))).toEqual({ id: 1, firstSeq: 5, ops: [], resent: 3 });
  expect(readWrite(unpack("[1 5 [] -1]"))).toBe(undefined);
});

test("SUB1 and WRITE1 numbers are integers from 0, ids and sequence numbers from 1, all of at most 2^53 - 1", () => {
  expect(readSince([null, Number.MAX_SAFE_INTEGER])).not.toBe(null);
  for (const bad of [-1, 0.5, Number.NaN, Number.MAX_SAFE_INTEGER + 1, "1", 1n, null]) {
    expect(readSince(["e", bad])).toBe(null);
    expect(readWrite([1, bad, []])).toBe(undefined);
    expect(readIds([bad])).toBe(undefined);
    expect(readPositions([[1, bad]])).toBe(undefined);
  }
  expect(readWrite([1, 0, []])).toBe(undefined);
});

test("WRAP3 no reader throws or takes a foreign shape, whatever comes", () => {
  const odd = fc.constantFrom<unknown>(
    new Keyword("chsk/handshake"),
    new Keyword("a/b"),
    new List([]),
    new Map(),
    new Set(),
    1n,
    new Date(0),
    undefined,
  );
  const value = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      fc.anything(),
      odd,
      fc.array(tie("value"), { maxLength: 4 }),
      fc.dictionary(
        fc.constantFrom("v", "topic", "kind", "since", "id", "at", "error", "__proto__", "session", "token"),
        tie("value"),
      ),
    ),
  })).value;
  const readers = [
    readHello,
    readWelcome,
    readSince,
    readSubscribe,
    readSubscribed,
    readIds,
    readPositions,
    readWrite,
    readErrorReply,
  ];
  fc.assert(
    fc.property(value, (anything) => {
      expect(["event", "ping", "pong", "bad-event", "malformed"]).toContain(readUp(anything).type);
      hear(anything);
      for (const read of readers) read(anything);
    }),
    { numRuns: 1000 },
  );
});

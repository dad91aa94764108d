import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { initialLine, type LineEvent, type LineState, type Now, stepLine } from "../../src/session/line-step.ts";

/** Nothing was heard since the last look of the states below. */
const at = (ms: number, random = 0, heard = 5): Now => ({ ms, wallMs: ms + 1_000_000, random, heard });
const now = at(100_000);

const states = {
  "initial": initialLine,
  "connecting": { name: "connecting", line: 3, attempt: 1 },
  "connected": { name: "connected", line: 3, attempt: 1, sinceMs: 0, heard: 5, pinging: false },
  "connected, pinging": { name: "connected", line: 3, attempt: 1, sinceMs: 0, heard: 5, pinging: true },
  "waiting": { name: "waiting", line: 3, attempt: 2, retryAtMs: 101_000, reason: "unexpected" },
  "needs-auth": { name: "needs-auth", line: 3, attempt: 0, reason: "refused" },
  "disconnected": { name: "disconnected", line: 3, attempt: 0 },
  "failed": { name: "failed", line: 3, attempt: 4, reason: "ws-error" },
  "closed": { name: "closed", line: 3, attempt: 0 },
} as const satisfies Record<string, LineState>;

/** Of the newest line. */
const events: Record<string, (line: number) => LineEvent> = {
  "connect": () => ["connect"],
  "handshake": (line) => ["handshake", line],
  "line-failed": (line) => ["line-failed", line],
  "line-closed": (line) => ["line-closed", line, 1006],
  "timer": () => ["timer"],
  "probe": () => ["probe"],
  "distrust": () => ["distrust"],
  "refused": () => ["refused"],
  "reconnect": () => ["reconnect"],
  "disconnect": () => ["disconnect"],
  "close": () => ["close"],
};

function nameOf(state: LineState): string {
  return state.name === "connected" && state.pinging ? "connected, pinging" : state.name;
}

/** The table under rule LINE2: rows by state, columns by event. */
function documentedTable(): Record<string, Record<string, string>> {
  const lines = readFileSync(new URL("../../docs/protocol.md", import.meta.url), "utf8").split("\n");
  const cells = (line: string): string[] =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll("`", ""));
  const head = lines.findIndex((line) => /^\| state +\|/.test(line));
  const [, ...columns] = cells(lines[head] ?? "");
  const table: Record<string, Record<string, string>> = {};
  for (const line of lines.slice(head + 2)) {
    if (!line.startsWith("|")) break;
    const [state = "", ...next] = cells(line);
    table[state] = Object.fromEntries(columns.map((column, index) => [column, next[index] ?? ""]));
  }
  return table;
}

test("LINE2 the steps are those of the table in the document", () => {
  const table: Record<string, Record<string, string>> = {};
  for (const [name, state] of Object.entries<LineState>(states)) {
    table[name] = Object.fromEntries(
      Object.entries(events).map(([event, make]) => {
        const next = stepLine(state, make(state.line), now);
        return [event, next === state ? "" : nameOf(next)];
      }),
    );
  }
  expect(table).toEqual(documentedTable());
});

test("LINE4 a late word of an older line changes nothing, whatever the state", () => {
  for (const state of Object.values<LineState>(states)) {
    for (const event of ["handshake", "line-failed", "line-closed"]) {
      const late = (events[event] as (line: number) => LineEvent)(state.line - 1);
      expect(stepLine(state, late, now)).toBe(state);
    }
  }
});

test("LINE5 without a handshake within connectTimeoutMs the line is given up", () => {
  const opening = stepLine(initialLine, ["connect"], now);
  expect(opening).toEqual({ name: "connecting", line: 1, attempt: 0, waitMs: 20_000 });
  expect(stepLine(opening, ["timer"], now)).toEqual({
    name: "waiting",
    line: 1,
    attempt: 1,
    reason: "connect-timeout",
    farewell: "CONNECT_TIMEOUT",
    waitMs: 0,
    retryAtMs: 1_100_000,
  });
});

test("LINE6 a sign of waking pings an open line at once and ends a wait", () => {
  const pinging = stepLine(states.connected, ["probe"], at(100_000, 0, 9));
  expect(pinging).toEqual({ ...states.connected, pinging: true, heard: 9, waitMs: 5000 });
  expect(stepLine(states.waiting, ["probe"], now)).toEqual({ name: "connecting", line: 4, attempt: 2, waitMs: 20_000 });
});

test("LINE7 disconnect and close leave the line in order, and no timer", () => {
  for (const [type, name] of [
    ["disconnect", "disconnected"],
    ["close", "closed"],
  ] as const) {
    // Without a farewell: 1000 and CLOSE_NORMAL.
    const end = { name, line: 3, attempt: 0, reason: "requested-disconnect" };
    expect(stepLine(states.connected, [type], now)).toEqual(end);
  }
});

test("LINE9 a server that does not keep the protocol is left with 3000, and tried again later", () => {
  expect(stepLine(states.connected, ["distrust"], at(10))).toEqual({
    name: "waiting",
    line: 3,
    attempt: 2,
    reason: "unexpected",
    farewell: "CLOSE_ABNORMAL",
    waitMs: 2000,
    retryAtMs: 1_002_010,
  });
});

test("PING5 a line on which nothing came for half of keepaliveMs is pinged; one that spoke is not", () => {
  const fresh = stepLine(states.connecting, ["handshake", 3], at(7, 0, 1));
  expect(fresh).toMatchObject({ name: "connected", sinceMs: 7, pinging: false, waitMs: 10_000 });
  // The handshake itself was heard since.
  expect(stepLine(fresh, ["timer"], at(10_007, 0, 1))).toEqual({ ...fresh, heard: 1 });
  const spoke = stepLine(states.connected, ["timer"], at(100_000, 0, 6));
  expect(spoke).toEqual({ ...states.connected, heard: 6, waitMs: 10_000 });
  const silent = stepLine(states.connected, ["timer"], now);
  expect(silent).toEqual({ ...states.connected, pinging: true, waitMs: 5000 });
});

test("PING6 an unanswered ping loses the line, anything heard will do", () => {
  const pinging = states["connected, pinging"];
  const lost = stepLine(pinging, ["timer"], now);
  expect(lost).toMatchObject({ name: "waiting", reason: "ws-ping-timeout", farewell: "PING_TIMEOUT" });
  const fine = stepLine(pinging, ["timer"], at(100_000, 0, 6));
  expect(fine).toEqual({ ...pinging, pinging: false, heard: 6, waitMs: 10_000 });
});

test("PING7 with keepaliveMs 0 nothing is pinged but on a sign of waking", () => {
  const options = { keepaliveMs: 0 };
  const open = stepLine(states.connecting, ["handshake", 3], now, options);
  expect(open.waitMs).toBe(undefined);
  const pinging = stepLine(open, ["probe"], at(100_000, 0, 1), options);
  expect(pinging).toMatchObject({ pinging: true, waitMs: 5000 });
  expect(stepLine(pinging, ["timer"], at(100_000, 0, 2), options)).toMatchObject({ pinging: false, waitMs: undefined });
});

test("RECONNECT4 a line that lived stableAfterMs starts the count anew, a shorter one does not", () => {
  const connected = { name: "connected", line: 1, attempt: 4, sinceMs: 0, heard: 0, pinging: false } as const;
  const lost: LineEvent = ["line-closed", 1, 1006];
  expect(stepLine(connected, lost, at(4999)).attempt).toBe(5);
  expect(stepLine(connected, lost, at(5000)).attempt).toBe(1);
  for (const type of ["connect", "reconnect"] as const) expect(stepLine(states.waiting, [type], now).attempt).toBe(0);
});

test("RECONNECT5 after maxAttempts tries in a row the line is failed, until connect", () => {
  const options = { maxAttempts: 2 };
  let state = stepLine(initialLine, ["connect"], now, options);
  const names: string[] = [];
  while (state.name !== "failed" && names.length < 20) {
    state = stepLine(state, state.name === "waiting" ? ["timer"] : ["line-failed", state.line], now, options);
    names.push(state.name);
  }
  // The first one, and two tries more.
  expect(names).toEqual(["waiting", "connecting", "waiting", "connecting", "failed"]);
  expect(state).toEqual({ name: "failed", line: 3, attempt: 3, reason: "ws-error" });
  expect(stepLine(state, ["timer"], now, options)).toBe(state);
  expect(stepLine(state, ["connect"], now, options)).toEqual({ name: "connecting", line: 4, attempt: 0, waitMs: 20_000 });
});

test("LINE3 whatever happens in whatever order: each state waits for the one timer that it needs, and for no other", () => {
  const event = fc.record({
    name: fc.constantFrom(...Object.keys(events)),
    age: fc.constantFrom(0, 0, 0, 1, 2),
    heard: fc.nat(8),
    random: fc.double({ min: 0, max: 0.999, noNaN: true }),
    ms: fc.nat(20_000),
  });
  const options = fc.record({
    keepaliveMs: fc.constantFrom(0, 20_000),
    maxAttempts: fc.constantFrom(0, 1, 5, Number.POSITIVE_INFINITY),
  });
  fc.assert(
    fc.property(options, fc.array(event, { maxLength: 60 }), (chosen, sequence) => {
      let state = initialLine;
      let ms = 0;
      for (const { name, age, heard, random, ms: passed } of sequence) {
        ms += passed;
        const made = (events[name] as (line: number) => LineEvent)(Math.max(0, state.line - age));
        const next = stepLine(state, made, at(ms, random, heard), chosen);
        if (state.name === "closed") expect(next).toBe(state);
        // A line is numbered anew exactly when it is opened, and a ping goes out only on an open one.
        expect(next.line - state.line).toBe(next.name === "connecting" && next !== state ? 1 : 0);
        if (next.pinging) expect(next.name).toBe("connected");
        expect(next.attempt).toBeLessThanOrEqual(chosen.maxAttempts + 1);
        const waits =
          next.name === "connecting" ||
          next.name === "waiting" ||
          (next.name === "connected" && (chosen.keepaliveMs > 0 || next.pinging === true));
        expect(next.waitMs !== undefined && next.waitMs >= 0 && Number.isFinite(next.waitMs)).toBe(waits);
        state = next;
      }
    }),
    { numRuns: 500 },
  );
});

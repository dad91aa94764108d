import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  defaultLineOptions,
  initialLine,
  type LineEffect,
  type LineEvent,
  type LineOptions,
  type LineState,
  stepLine,
} from "../../src/session/line-step.ts";

const now = { ms: 100_000, random: 0 };
const at = (ms: number, random = 0) => ({ ms, random });

const states: Record<string, LineState> = {
  "initial": initialLine,
  "connecting": { name: "connecting", line: 3, attempt: 1 },
  "connected": { name: "connected", line: 3, attempt: 1, sinceMs: 0, seen: 5, pinging: false },
  "connected, pinging": { name: "connected", line: 3, attempt: 1, sinceMs: 0, seen: 5, pinging: true },
  "waiting": { name: "waiting", line: 3, attempt: 2, retryAtMs: 101_000, reason: "unexpected" },
  "disconnected": { name: "disconnected", line: 3, attempt: 0 },
  "failed": { name: "failed", line: 3, attempt: 4, reason: "ws-error" },
  "closed": { name: "closed", line: 3, attempt: 0 },
};

/** Of the newest line, and with nothing heard since the last look. */
const events: Record<string, (line: number) => LineEvent> = {
  "connect": () => ({ type: "connect" }),
  "handshake": (line) => ({ type: "handshake", line }),
  "line-failed": (line) => ({ type: "line-failed", line }),
  "line-closed": (line) => ({ type: "line-closed", line, code: 1006 }),
  "timer": () => ({ type: "timer", activity: 5 }),
  "probe": () => ({ type: "probe", activity: 5 }),
  "distrust": () => ({ type: "distrust" }),
  "reconnect": () => ({ type: "reconnect" }),
  "disconnect": () => ({ type: "disconnect" }),
  "close": () => ({ type: "close" }),
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
  for (const [name, state] of Object.entries(states)) {
    table[name] = Object.fromEntries(
      Object.entries(events).map(([event, make]) => {
        const [next] = stepLine(state, make(state.line), now, defaultLineOptions);
        return [event, next === state ? "" : nameOf(next)];
      }),
    );
  }
  expect(table).toEqual(documentedTable());
});

test("LINE4 a late word of an older line changes nothing, whatever the state", () => {
  for (const state of Object.values(states)) {
    for (const event of ["handshake", "line-failed", "line-closed"]) {
      const late = (events[event] as (line: number) => LineEvent)(state.line - 1);
      const [next, effects] = stepLine(state, late, now, defaultLineOptions);
      expect(next).toBe(state);
      expect(effects).toEqual([]);
    }
  }
});

test("LINE5 without a handshake within connectTimeoutMs the line is given up", () => {
  const [opening, effects] = stepLine(initialLine, { type: "connect" }, now, defaultLineOptions);
  expect(effects).toEqual([
    ["open", 1],
    ["wait", 20_000],
  ]);
  const [next, late] = stepLine(opening, { type: "timer", activity: 0 }, now, defaultLineOptions);
  expect(next).toMatchObject({ name: "waiting", reason: "connect-timeout", attempt: 1 });
  expect(late).toEqual([
    ["drop", 3000, "CONNECT_TIMEOUT"],
    ["wait", 0],
  ]);
});

test("LINE6 a sign of waking pings an open line at once and ends a wait", () => {
  const [pinging, effects] = stepLine(states["connected"] as LineState, { type: "probe", activity: 9 }, now, defaultLineOptions);
  expect(pinging).toMatchObject({ pinging: true, seen: 9 });
  expect(effects).toEqual([["ping"], ["wait", 5000]]);
  const [opening, opened] = stepLine(states["waiting"] as LineState, { type: "probe", activity: 0 }, now, defaultLineOptions);
  expect(opening).toEqual({ name: "connecting", line: 4, attempt: 2 });
  expect(opened).toEqual([
    ["open", 4],
    ["wait", 20_000],
  ]);
});

test("LINE7 disconnect and close drop the line in order, and leave no timer", () => {
  for (const type of ["disconnect", "close"] as const) {
    const [next, effects] = stepLine(states["connected"] as LineState, { type }, now, defaultLineOptions);
    expect(next.attempt).toBe(0);
    expect(effects).toEqual([
      ["drop", 1000, "CLOSE_NORMAL"],
      ["lost", "requested-disconnect"],
    ]);
  }
});

test("LINE9 a server that does not keep the protocol is left with 3000, and tried again later", () => {
  const [next, effects] = stepLine(states["connected"] as LineState, { type: "distrust" }, at(10), defaultLineOptions);
  expect(next).toMatchObject({ name: "waiting", reason: "unexpected", attempt: 2 });
  expect(effects).toEqual([
    ["drop", 3000, "CLOSE_ABNORMAL"],
    ["lost", "unexpected"],
    ["wait", 2000],
  ]);
});

test("PING5 a line on which nothing came for half of keepaliveMs is pinged; one that spoke is not", () => {
  const [, effects] = stepLine(states["connecting"] as LineState, { type: "handshake", line: 3 }, now, defaultLineOptions);
  expect(effects).toEqual([["wait", 10_000]]);
  const [, spoke] = stepLine(states["connected"] as LineState, { type: "timer", activity: 6 }, now, defaultLineOptions);
  expect(spoke).toEqual([["wait", 10_000]]);
  const [, silent] = stepLine(states["connected"] as LineState, { type: "timer", activity: 5 }, now, defaultLineOptions);
  expect(silent).toEqual([["ping"], ["wait", 5000]]);
});

test("PING6 an unanswered ping loses the line, anything heard will do", () => {
  const pinging = states["connected, pinging"] as LineState;
  const [lost, effects] = stepLine(pinging, { type: "timer", activity: 5 }, now, defaultLineOptions);
  expect(lost).toMatchObject({ name: "waiting", reason: "ws-ping-timeout" });
  expect(effects.slice(0, 2)).toEqual([
    ["drop", 3000, "PING_TIMEOUT"],
    ["lost", "ws-ping-timeout"],
  ]);
  const [fine, rest] = stepLine(pinging, { type: "timer", activity: 6 }, now, defaultLineOptions);
  expect(fine).toMatchObject({ name: "connected", pinging: false });
  expect(rest).toEqual([["wait", 10_000]]);
});

test("PING7 with keepaliveMs 0 nothing is pinged but on a sign of waking", () => {
  const options = { ...defaultLineOptions, keepaliveMs: 0 };
  const [open, effects] = stepLine(states["connecting"] as LineState, { type: "handshake", line: 3 }, now, options);
  expect(effects).toEqual([]);
  const [pinging] = stepLine(open, { type: "probe", activity: 1 }, now, options);
  const [, answered] = stepLine(pinging, { type: "timer", activity: 2 }, now, options);
  expect(answered).toEqual([]);
});

test("RECONNECT4 a line that lived stableAfterMs starts the count anew, a shorter one does not", () => {
  const connected = { name: "connected", line: 1, attempt: 4, sinceMs: 0, seen: 0, pinging: false } as const;
  const lost: LineEvent = { type: "line-closed", line: 1, code: 1006 };
  expect(stepLine(connected, lost, at(4999), defaultLineOptions)[0].attempt).toBe(5);
  expect(stepLine(connected, lost, at(5000), defaultLineOptions)[0].attempt).toBe(1);
  for (const type of ["connect", "reconnect"] as const) {
    expect(stepLine(states["waiting"] as LineState, { type }, now, defaultLineOptions)[0].attempt).toBe(0);
  }
});

test("RECONNECT5 after maxAttempts tries in a row the line is failed, until connect", () => {
  const options = { ...defaultLineOptions, maxAttempts: 2 };
  let [state] = stepLine(initialLine, { type: "connect" }, now, options);
  const names: string[] = [];
  while (state.name !== "failed" && names.length < 20) {
    [state] = stepLine(
      state,
      state.name === "waiting" ? { type: "timer", activity: 0 } : { type: "line-failed", line: state.line },
      now,
      options,
    );
    names.push(state.name);
  }
  // The first one, and two tries more.
  expect(names).toEqual(["waiting", "connecting", "waiting", "connecting", "failed"]);
  expect(state).toMatchObject({ reason: "ws-error", line: 3 });
  expect(stepLine(state, { type: "timer", activity: 0 }, now, options)[0]).toBe(state);
  expect(stepLine(state, { type: "connect" }, now, options)[0]).toEqual({ name: "connecting", line: 4, attempt: 0 });
});

/** What a shell would hold: at most one line and one timer. */
interface Shell {
  state: LineState;
  open: number;
  timer: boolean;
}

function apply(shell: Shell, event: LineEvent, random: number, ms: number, options: LineOptions): readonly LineEffect[] {
  const before = shell.state;
  const [next, effects] = stepLine(before, event, { ms, random }, options);
  shell.state = next;
  if (next !== before) shell.timer = false;
  // A line that ended by itself is nobody's to close.
  if (event.type === "line-failed" || event.type === "line-closed") shell.open = event.line === shell.open ? 0 : shell.open;
  for (const effect of effects) {
    switch (effect[0]) {
      case "open":
        expect(shell.open).toBe(0);
        shell.open = effect[1];
        break;
      case "drop":
        expect(shell.open).not.toBe(0);
        shell.open = 0;
        break;
      case "ping":
        expect(next.name).toBe("connected");
        break;
      case "wait":
        expect(shell.timer).toBe(false);
        expect(Number.isFinite(effect[1]) && effect[1] >= 0).toBe(true);
        shell.timer = true;
        break;
      case "lost":
        expect(before.name).toBe("connected");
        expect(next.name).not.toBe("connected");
        break;
    }
  }
  return effects;
}

test("LINE3 whatever happens in whatever order: one line at most, one timer at most, and none that nobody waits for", () => {
  const event = fc.record({
    name: fc.constantFrom(...Object.keys(events)),
    age: fc.constantFrom(0, 0, 0, 1, 2),
    activity: fc.nat(8),
    random: fc.double({ min: 0, max: 0.999, noNaN: true }),
    ms: fc.nat(20_000),
  });
  const options = fc.record({
    ...Object.fromEntries(Object.entries(defaultLineOptions).map(([key, value]) => [key, fc.constant(value)])),
    keepaliveMs: fc.constantFrom(0, 20_000),
    maxAttempts: fc.constantFrom(0, 1, 5, Number.POSITIVE_INFINITY),
  }) as fc.Arbitrary<LineOptions>;
  fc.assert(
    fc.property(options, fc.array(event, { maxLength: 60 }), (chosen, sequence) => {
      const shell: Shell = { state: initialLine, open: 0, timer: false };
      let ms = 0;
      for (const { name, age, activity, random, ms: passed } of sequence) {
        ms += passed;
        const { state } = shell;
        const made = (events[name] as (line: number) => LineEvent)(Math.max(0, state.line - age));
        if (made.type === "timer" && !shell.timer) continue;
        // A line ends once.
        if ((made.type === "line-closed" || made.type === "line-failed") && made.line === state.line && !shell.open) continue;
        if (made.type === "timer") shell.timer = false;
        const effects = apply(shell, "activity" in made ? { ...made, activity } : made, random, ms, chosen);
        const { state: next } = shell;
        if (state.name === "closed") expect([next, effects]).toEqual([state, []]);
        expect(next.line).toBeGreaterThanOrEqual(state.line);
        expect(next.attempt).toBeLessThanOrEqual(chosen.maxAttempts + 1);
        expect(shell.open !== 0).toBe(next.name === "connecting" || next.name === "connected");
        const waits =
          next.name === "connecting" ||
          next.name === "waiting" ||
          (next.name === "connected" && (chosen.keepaliveMs > 0 || next.pinging));
        expect(shell.timer).toBe(waits);
      }
    }),
    { numRuns: 500 },
  );
});

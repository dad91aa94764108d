/** The shell of a line against a connector and a clock that do anything in any order. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { createLine } from "../../src/client/line.ts";
import type { Transport, TransportHandlers } from "../../src/transport/transport.ts";
import { edn } from "../../src/wire/edn.ts";
import { createVirtualEnv } from "../support/virtual-env.ts";

interface Opening {
  /** Still the client's: neither cancelled nor closed by either side. */
  live: boolean;
  readonly closes: unknown[][];
  handlers?: TransportHandlers;
  onOpen(): void;
  onFail(): void;
}

function createShell(keepaliveMs = 20_000) {
  const env = createVirtualEnv();
  const openings: Opening[] = [];
  const told: string[] = [];
  const line = createLine({
    env,
    reconnect: { keepaliveMs },
    target: "ws://there",
    format: edn(),
    events: {},
    accept: (opened) => opened,
    connector: {
      name: "fake",
      open(_, { onOpen, onFail }) {
        const close = (...how: unknown[]): void => {
          opening.closes.push(how);
          opening.live = false;
        };
        const opening: Opening = {
          live: true,
          closes: [],
          onOpen() {
            const transport = { name: "fake", close, terminate: close } as unknown as Transport;
            onOpen(transport);
            opening.handlers = transport.handlers;
          },
          onFail: () => onFail("refused"),
        };
        openings.push(opening);
        return {
          cancel() {
            if (!opening.handlers) opening.live = false;
          },
        };
      },
    },
    onFrame: () => told.push("frame"),
    ping: () => told.push("ping"),
    onLost: (reason) => told.push(`lost ${reason}`),
    onState: () => {},
    facts: {},
  });
  return { env, openings, told, line };
}

test("LINE3 whatever happens in whatever order: one line at most, one timer at most, and none that nobody waits for", () => {
  const step = fc.oneof(
    fc.record({
      type: fc.constantFrom("connect", "disconnect", "reconnect", "probe", "distrust", "refused", "handshake", "close"),
    }),
    fc.record({ type: fc.constantFrom("open", "fail", "frame", "end"), age: fc.constantFrom(0, 0, 0, 1, 2) }),
    fc.record({ type: fc.constant("advance"), ms: fc.nat(25_000) }),
  );
  fc.assert(
    fc.property(fc.constantFrom(0, 20_000), fc.array(step, { maxLength: 60 }), (keepaliveMs, steps) => {
      const { env, openings, told, line } = createShell(keepaliveMs);
      let connected = false;
      for (const each of steps) {
        const before = line.state;
        told.length = 0;
        if ("ms" in each) env.advance(each.ms);
        else if (!("age" in each)) {
          if (each.type !== "handshake" || line.transport) line.dispatch(each.type);
        } else {
          const opening = openings.at(-1 - each.age);
          if (!opening) continue;
          if (each.type === "open" && !opening.handlers && opening.live) opening.onOpen();
          else if (each.type === "fail" && !opening.handlers && opening.live) {
            opening.live = false;
            opening.onFail();
          } else if (each.type === "frame") opening.handlers?.onFrame("x");
          else if (each.type === "end" && opening.handlers) {
            opening.live = false;
            opening.handlers.onClose(1006, "");
          }
          // A late word of an older line.
          if (each.age > 0) expect([line.state, told]).toEqual([before, []]);
        }
        const { name, pinging } = line.state;
        const isLive = name === "connecting" || name === "connected";
        expect(openings.filter(({ live }) => live).length).toBe(isLive ? 1 : 0);
        expect(openings.at(-1)?.live ?? false).toBe(isLive);
        expect(openings.length).toBe(line.state.line);
        expect(env.timers).toBe(
          name === "connecting" || name === "waiting" || (name === "connected" && (keepaliveMs > 0 || pinging)) ? 1 : 0,
        );
        // A session's line is lost once.
        if (!("ms" in each))
          expect(told.filter((text) => text.startsWith("lost")).length).toBe(
            connected && (name !== "connected" || line.state.line !== before.line) ? 1 : 0,
          );
        connected = name === "connected";
      }
    }),
    { numRuns: 500 },
  );
});

test("LINE4 a transport that opens after its line was given up is dropped, and nothing that it says is heard", () => {
  const { openings, told, line } = createShell();
  line.dispatch("connect");
  line.dispatch("reconnect");
  openings[0]?.onOpen();
  expect([openings[0]?.closes.length, line.transport]).toEqual([1, undefined]);
  openings[0]?.handlers?.onFrame("late");
  expect(told).toEqual([]);
});

test("LINE5, LINE7, LINE9 and PING6 how a line is closed says why", () => {
  for (const [leave, how] of [
    [({ line }) => line.dispatch("disconnect"), [1000, "CLOSE_NORMAL"]],
    [({ line }) => line.dispatch("reconnect"), [1000, "CLOSE_NORMAL"]],
    [({ line }) => line.dispatch("close"), [1000, "CLOSE_NORMAL"]],
    [({ line }) => line.dispatch("distrust"), [3000, "CLOSE_ABNORMAL"]],
    [({ env }) => env.advance(20_000), [3000, "CONNECT_TIMEOUT"]],
    [
      ({ line, env }) => {
        line.dispatch("handshake");
        line.dispatch("probe");
        env.advance(5000);
      },
      [3000, "PING_TIMEOUT"],
    ],
  ] as [(shell: ReturnType<typeof createShell>) => void, unknown[]][]) {
    const shell = createShell();
    shell.line.dispatch("connect");
    shell.openings[0]?.onOpen();
    leave(shell);
    expect(shell.openings[0]?.closes).toEqual([how]);
  }
});

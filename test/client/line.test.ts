import { createClient, senteState } from "sente-sync/client";
import { memoryConnector } from "sente-sync/transports/memory";
import { afterEach, expect, test, vi } from "vitest";
import type { Transport } from "../../src/transport/transport.ts";
import { createWorld } from "../server/world.ts";
import { createLies } from "./lying-connector.ts";

afterEach(() => void vi.unstubAllGlobals());

const names = (statuses: { readonly name: string }[]): string[] => statuses.map(({ name }) => name);

test("LINE1 the status of a client, from its making to its end", async () => {
  const world = createWorld();
  const client = world.client({ autoConnect: false });
  const seen: { name: string; reason?: string; transport?: string }[] = [];
  client.status.subscribe((status) => void seen.push(status));
  client.connect();
  client.connect();
  await world.settle();
  client.reconnect();
  await world.settle();
  client.disconnect();
  await world.settle();
  client.close();
  client.connect();
  await world.advance(60_000);
  expect(names(seen)).toEqual(["initial", "connecting", "connected", "reconnecting", "connected", "disconnected", "closed"]);
  expect(seen[2]).toEqual({ name: "connected", transport: "memory" });
});

test("LINE1 between two tries the status tells why the line was lost and when the next try is", async () => {
  const world = createWorld();
  const lies = createLies(world.connector);
  const client = world.client({ connector: lies.connector });
  await world.advance(6000);
  lies.refuse = true;
  lies.cut();
  await world.settle();
  const { name, reason, retryAtMs = 0 } = client.status.get();
  expect([name, reason]).toEqual(["reconnecting", "unexpected"]);
  const waitMs = retryAtMs - world.env.nowMs();
  expect(waitMs).toBeGreaterThanOrEqual(0);
  expect(waitMs).toBeLessThan(1000);
  await world.advance(waitMs + 1);
  expect(client.status.get()).toMatchObject({ name: "reconnecting", reason: "ws-error" });
});

test("LINE3 and LINE4 an older line is closed before another opens, and its late words are not heard", async () => {
  const world = createWorld();
  const lies = createLies(world.connector);
  const client = world.client({ connector: lies.connector });
  const heard: unknown[] = [];
  client.on("app/x", ({ data }) => void heard.push(data));
  await world.advance(10);
  const [older] = lies.lines as [Transport];
  client.reconnect();
  await world.advance(10);
  expect(lies.lines.length).toBe(2);
  expect(world.sync.stats().connections).toBe(1);
  older.handlers.onFrame('[[[:app/x "late"]] nil]');
  older.handlers.onFrame('[[:chsk/handshake ["eve" nil nil]] nil]');
  older.handlers.onClose(1006, "");
  await world.advance(10);
  lies.lines[1]?.handlers.onFrame('[[[:app/x "now"]] nil]');
  expect([heard, client.status.get().name, lies.urls.length]).toEqual([["now"], "connected", 2]);
});

test("LINE5 a connect that never ends is given up after connectTimeoutMs, and tried again", async () => {
  const world = createWorld();
  const lies = createLies(world.connector);
  lies.hang = true;
  const client = world.client({ connector: lies.connector });
  await world.advance(19_999);
  expect([client.status.get().name, lies.urls.length]).toEqual(["connecting", 1]);
  await world.advance(1);
  expect(client.status.get()).toMatchObject({ name: "reconnecting", reason: "connect-timeout" });
  lies.hang = false;
  await world.advance(1000);
  expect(client.status.get().name).toBe("connected");
});

test("LINE5 so is a line that opens and never says its handshake", async () => {
  const world = createWorld();
  const lies = createLies(world.connector);
  lies.hear = () => undefined;
  const client = world.client({ connector: lies.connector, reconnect: { connectTimeoutMs: 500 } });
  await world.advance(600);
  expect(client.status.get()).toMatchObject({ name: "reconnecting", reason: "connect-timeout" });
  expect(world.sync.stats().connections).toBe(0);
});

test("LINE6 a page that becomes visible, comes back or goes online probes the line at once; hidden it does not", async () => {
  const page = new EventTarget();
  const document = Object.assign(new EventTarget(), { visibilityState: "hidden" });
  vi.stubGlobal("document", document);
  vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
  vi.stubGlobal("removeEventListener", page.removeEventListener.bind(page));
  const world = createWorld();
  const lies = createLies(world.connector);
  const client = world.client({ connector: lies.connector });
  await world.advance(100);
  const pings = (): number => lies.said.filter((text) => text.includes(":chsk/ws-ping")).length;
  document.dispatchEvent(new Event("visibilitychange"));
  expect(pings()).toBe(0);
  document.visibilityState = "visible";
  for (const [count, wake] of [
    () => document.dispatchEvent(new Event("visibilitychange")),
    () => page.dispatchEvent(new Event("online")),
    () => page.dispatchEvent(new Event("pageshow")),
  ].entries()) {
    wake();
    expect(pings()).toBe(count + 1);
    await world.advance(5001);
  }
  // And a line that is dead by then is found out in pingTimeoutMs.
  lies.hear = () => undefined;
  document.dispatchEvent(new Event("visibilitychange"));
  await world.advance(5001);
  expect(client.status.get()).toMatchObject({ name: "reconnecting", reason: "ws-ping-timeout" });
  client.close();
  const said = lies.said.length;
  page.dispatchEvent(new Event("online"));
  await world.advance(100);
  expect(lies.said.length).toBe(said);
});

test("LINE6 a machine that slept is noticed by its late beat; a wait for the next try ends", async () => {
  const world = createWorld();
  const lies = createLies(world.connector);
  const client = world.client({ connector: lies.connector, reconnect: { keepaliveMs: 0 } });
  await world.advance(6000);
  expect(lies.said.filter((text) => text.includes(":chsk/ws-ping")).length).toBe(0);
  world.clock.setClock("world", { offsetMs: 60_000 });
  await world.advance(5000);
  expect(lies.said.filter((text) => text.includes(":chsk/ws-ping")).length).toBe(1);
  lies.refuse = true;
  lies.cut();
  // Tries that come to a long wait.
  await world.advance(40_000);
  const tries = lies.urls.length;
  expect(client.status.get().name).toBe("reconnecting");
  lies.refuse = false;
  world.clock.setClock("world", { offsetMs: 120_000 });
  await world.advance(5000);
  expect(lies.urls.length).toBeGreaterThan(tries);
  expect(client.status.get().name).toBe("connected");
});

test("LINE7 after disconnect nothing is tried until connect; after close never again", async () => {
  const world = createWorld();
  const lies = createLies(world.connector);
  const client = world.client({ connector: lies.connector });
  await world.advance(10);
  client.disconnect();
  await world.advance(600_000);
  expect([lies.urls.length, world.sync.stats().connections]).toEqual([1, 0]);
  client.connect();
  await world.advance(10);
  expect(client.status.get().name).toBe("connected");
  client.close();
  client.close();
  for (const wake of [client.connect, client.reconnect]) wake();
  await world.advance(600_000);
  expect([lies.urls.length, client.status.get().name]).toEqual([2, "closed"]);
});

test("LINE7 disconnect while a connect is under way cancels it", async () => {
  const world = createWorld();
  const client = world.client();
  client.disconnect();
  await world.advance(100);
  expect([client.status.get().name, world.sync.stats().connections]).toEqual(["disconnected", 0]);
});

test("LINE7 what a listener asks for when it is told of a loss is what happens, and nothing else", async () => {
  const world = createWorld();
  const lies = createLies(world.connector);
  const client = world.client({ connector: lies.connector });
  await world.advance(10);
  const stop = client.on("disconnect", () => client.disconnect());
  for (const lose of [lies.cut, client.reconnect]) {
    const before = lies.urls.length;
    lose();
    await world.advance(60_000);
    expect([client.status.get().name, lies.urls.length, world.sync.stats().connections]).toEqual(["disconnected", before, 0]);
    client.connect();
    await world.advance(10);
  }
  stop();
  client.on("disconnect", () => client.reconnect());
  const before = lies.urls.length;
  lies.hang = true;
  lies.cut();
  // The connect that is under way has its whole time: no try of the loss itself comes between.
  await world.advance(19_000);
  expect(lies.urls.length).toBe(before + 1);
  await world.advance(2500);
  expect(lies.urls.length).toBe(before + 2);
});

test("LINE8 Sente's state map tells the same facts in Sente's words", async () => {
  const world = createWorld({ authenticate: () => ({ id: "ada" }), handshakeData: () => ({ n: 1 }) });
  const lies = createLies(world.connector);
  const client = world.client({ connector: lies.connector });
  const state = senteState(client);
  expect(state.get()).toMatchObject({ type: "ws", open: false, everOpened: false, uid: undefined, lastClose: undefined });
  await world.advance(6000);
  expect(state.get()).toMatchObject({
    open: true,
    everOpened: true,
    uid: "ada",
    handshakeData: { n: 1 },
    udtNextReconnect: undefined,
  });
  lies.refuse = true;
  lies.cut();
  await world.settle();
  const lost = state.get();
  expect(lost).toMatchObject({
    open: false,
    everOpened: true,
    lastClose: { reason: "unexpected" },
    lastWsClose: { code: 1006, clean: false },
  });
  expect(lost.udtNextReconnect).toBe(client.status.get().retryAtMs);
  await world.advance(1000);
  expect(state.get().lastWsError?.udt).toBeGreaterThan(lost.lastWsClose?.udt ?? 0);
  lies.refuse = false;
  await world.advance(5000);
  client.disconnect();
  await world.settle();
  expect(state.get()).toMatchObject({ open: false, lastClose: { reason: "requested-disconnect" }, udtNextReconnect: undefined });
});

test("LINE9 a server that refuses hello is reported and tried again later, not at once", async () => {
  const world = createWorld();
  let opened = 0;
  const errors: unknown[] = [];
  const connector = memoryConnector((transport) => {
    opened++;
    transport.handlers = {
      onClose: () => {},
      onFrame(data) {
        const callback = /"([0-9a-f]{6})"\]$/.exec(data as string)?.[1];
        if ((data as string).includes(":sync/hello"))
          transport.send({ data: `[[:sync/error {:code "unsupported" :message "No."}] "${callback}"]`, text: true });
      },
    };
    transport.send({ data: '[[:chsk/handshake ["u" nil nil {:v 1}]] nil]', text: true });
  }, world.env);
  const client = createClient("memory://x/chsk", {
    connector,
    env: world.env,
    onError: (error) => errors.push((error as { code: string }).code),
  });
  await world.advance(10_000);
  // Within a second, then 2 to 4, then 4 to 8.
  expect(opened).toBeGreaterThanOrEqual(3);
  expect(opened).toBeLessThanOrEqual(4);
  expect(errors).toEqual(Array(opened).fill("unsupported"));
  expect(client.status.get().name).toBe("reconnecting");
  client.close();
});

test("PING4 a client answers the server's ping and tells whoever listens", async () => {
  const world = createWorld();
  const lies = createLies(world.connector);
  const client = world.client({ connector: lies.connector, reconnect: { keepaliveMs: 0 } });
  let pings = 0;
  client.on("chsk/ws-ping", () => pings++);
  await world.advance(28_000);
  expect([pings, lies.said.at(-1)]).toEqual([1, "[[:chsk/ws-pong] nil]"]);
});

test("PING5 and PING6 with Sente's timers a client pings a silent line, and leaves it when nothing answers", async () => {
  const world = createWorld({ keepalive: { keepaliveMs: 0 } });
  const lies = createLies(world.connector);
  const client = world.client({ connector: lies.connector });
  await world.advance(100);
  lies.said.length = 0;
  await world.advance(25_000);
  const pings = lies.said.filter((text) => text.startsWith('[[:chsk/ws-ping] "'));
  expect(pings.length).toBe(1);
  expect(client.status.get().name).toBe("connected");
  const reasons: string[] = [];
  client.on("disconnect", ({ reason }) => reasons.push(reason));
  lies.hear = () => undefined;
  await world.advance(20_000);
  expect(reasons).toEqual(["ws-ping-timeout"]);
});

test("PING5 a client pings also with as many requests waiting as it may have", async () => {
  const world = createWorld({ keepalive: { keepaliveMs: 0 } });
  world.sync.on("app/never", () => new Promise(() => {}));
  const lies = createLies(world.connector);
  const client = world.client({ connector: lies.connector, limits: { maxCallbacks: 2 } });
  await world.advance(100);
  const waiting = [1, 2].map(() => client.request("app/never", null, { timeoutMs: 100_000 }).catch(() => {}));
  await world.advance(60_000);
  expect(client.status.get().name).toBe("connected");
  client.close();
  await Promise.all(waiting);
});

test("RECONNECT1 to RECONNECT5 a client backs off while it is refused, and gives up after maxAttempts", async () => {
  const world = createWorld();
  const lies = createLies(world.connector);
  lies.refuse = true;
  const client = world.client({ connector: lies.connector, reconnect: { maxAttempts: 4 } });
  const atMs: number[] = [];
  for (let ms = 0; ms < 60_000 && client.status.get().name !== "failed"; ms += 10) {
    const before = lies.urls.length;
    await world.advance(10);
    if (lies.urls.length > before) atMs.push(ms);
  }
  expect(client.status.get()).toEqual({ name: "failed", reason: "ws-error" });
  expect(lies.urls.length).toBe(5);
  const waits = atMs.map((ms, index) => ms - (atMs[index - 1] ?? 0));
  for (const [index, [from, to]] of (
    [
      [0, 1000],
      [2000, 4000],
      [4000, 8000],
      [8000, 16_000],
    ] as const
  ).entries()) {
    expect(waits[index]).toBeGreaterThanOrEqual(from - 10);
    expect(waits[index]).toBeLessThanOrEqual(to + 10);
  }
  await world.advance(600_000);
  expect(lies.urls.length).toBe(5);
  lies.refuse = false;
  client.connect();
  await world.advance(10);
  expect(client.status.get().name).toBe("connected");
});

test("HELLO2 a client resumes its session on the next line, and has a new one after the server restarted", async () => {
  const world = createWorld();
  const facts: unknown[] = [];
  let current = world.sync;
  const connector = memoryConnector((transport, url) => void current.accept(transport, url), world.env);
  const lies = createLies(connector);
  const client = world.client({ connector: lies.connector });
  client.on("connect", () => facts.push("connect"));
  client.on("resume", (fact) => facts.push(fact));
  client.on("disconnect", (fact) => facts.push(fact));
  await world.advance(10);
  const first = client.user.get();
  lies.cut();
  await world.advance(2000);
  expect(client.user.get()).toEqual(first);
  current = createWorld({ env: world.env }).sync;
  client.reconnect();
  await world.advance(2000);
  expect(facts).toEqual([
    "connect",
    { reason: "unexpected" },
    { recovered: true },
    { reason: "requested-reconnect" },
    { recovered: false },
  ]);
  expect(client.user.get()).not.toEqual(first);
});

test("LINE7 a listener that throws keeps nothing else from being done", async () => {
  const world = createWorld();
  world.sync.on("app/echo", ({ data }) => data);
  const client = world.client();
  client.status.listen(() => {
    throw new Error("status");
  });
  client.user.listen(() => {
    throw new Error("user");
  });
  client.on("connect", () => {
    throw new Error("connect");
  });
  const reply = client.request("app/echo", 1);
  await world.advance(10);
  expect(await reply).toBe(1);
  expect(world.errors.map(({ error }) => (error as Error).message)).toEqual(["user", "status", "connect"]);
});

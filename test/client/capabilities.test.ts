/** What a client says of itself, what it knows of its server, and the server's limits that it honours. */
import { defineChannel, isSyncError, type } from "sente-sync";
import { announce, channel, requireFeature, serverCapabilities, serverSupports, upgrade } from "sente-sync/client";
import { edn } from "sente-sync/packers/edn";
import { gzip } from "sente-sync/packers/gzip";
import { msgpack } from "sente-sync/packers/msgpack";
import { type Capabilities, type ServerOptions, channel as serveChannel } from "sente-sync/server";
import { memoryConnector } from "sente-sync/transports/memory";
import { expect, test } from "vitest";
import { createWorld, type World } from "../server/world.ts";

const quiet: ServerOptions = { keepalive: { keepaliveMs: 0 } };

/** A world whose server notes what clients say of themselves. */
function listening(options: ServerOptions = {}): World & { readonly told: Capabilities[] } {
  const told: Capabilities[] = [];
  const world = createWorld({ ...quiet, onClientCapabilities: (_, said) => void told.push(said), ...options });
  return { ...world, told };
}

/** A server by hand, which begins with that handshake, and what it heard. */
function scripted(handshake: string) {
  const { clock, env, client, errors, advance } = createWorld(quiet);
  const heard: string[] = [];
  const says: ((data: string) => void)[] = [];
  const closes: number[] = [];
  const connector = memoryConnector((transport) => {
    const say = (data: string): void => void transport.send({ data, text: true });
    says.push(say);
    transport.handlers = { onFrame: (data) => void heard.push(data as string), onClose: (code) => void closes.push(code) };
    say(handshake);
  }, env);
  return { clock, env, connector, client, errors, advance, heard, closes, says };
}

test("CAP18 a client says nothing of itself until it is told to, then on every line, until it is told to stop", async () => {
  const world = listening();
  const client = world.client({ reconnect: { maxDelayMs: 100 } });
  await world.advance(10);
  expect(world.told).toEqual([]);
  const stop = announce(client, { features: ["nrepl"], services: { nrepl: { port: 1 } }, extensions: { theme: "dark" } });
  await world.advance(10);
  expect(world.told).toHaveLength(1);
  expect(world.told[0]).toMatchObject({
    protocolVersion: 1,
    wireFormats: ["edn"],
    compression: ["none"],
    limits: {},
    extensions: { theme: "dark" },
  });
  expect(world.told[0]?.version).toMatch(/^\d+\.\d+\.\d+/);
  expect([...(world.told[0]?.features ?? [])]).toEqual([
    ...["handshake", "event", "reply-fn", "ping-pong", "reconnect", "pub-sub", "sync", "move", "nrepl"],
  ]);
  expect([...(world.told[0]?.services ?? [])]).toEqual([["nrepl", { port: 1 }]]);
  client.reconnect();
  await world.advance(10);
  expect(world.told).toEqual([world.told[0], world.told[0]]);
  stop();
  client.reconnect();
  await world.advance(10);
  expect([client.status.get().name, world.told.length]).toEqual(["connected", 2]);
});

test("CAP18 one that is told to before it is connected says it first of all, and names every packer that it has", async () => {
  const world = listening({ packer: gzip(edn()), packers: [msgpack()] });
  const heard: string[] = [];
  world.sync.on("app/first", ({ peer }) => void heard.push(...peer.capabilities.wireFormats));
  const client = world.client({ packer: gzip(edn()), upgrade: upgrade({ packers: [msgpack()] }) });
  announce(client, { maxMessageBytes: 4000 });
  client.send("app/first");
  await world.advance(1000);
  expect(world.told).toMatchObject([
    { wireFormats: ["msgpack", "gzip+edn"], compression: ["gzip", "none"], limits: { maxMessageBytes: 4000 } },
  ]);
  expect(heard).toEqual(["msgpack", "gzip+edn"]);
});

test("CAP21 and CAP23 what a client takes at most holds for what it is sent: its topic is refused, its pushes are dropped", async () => {
  const world = listening();
  const client = world.client();
  const ref = defineChannel("talk", { events: { said: type<string>() } });
  const talk = serveChannel(world.sync, ref);
  announce(client, { maxMessageBytes: 2000 });
  const said: string[] = [];
  const pushes: unknown[] = [];
  const read = channel(client, ref);
  read.subscribe(({ data }) => void said.push(data));
  client.on("app/pushed", ({ data }) => void pushes.push(data));
  await world.advance(10);
  talk.publish("said", "short");
  world.sync.broadcast("app/pushed", "x".repeat(3000));
  world.sync.broadcast("app/pushed", 1);
  await world.advance(10);
  talk.publish("said", "x".repeat(3000));
  await world.advance(10);
  expect([said, pushes, read.status.get()]).toEqual([["short"], [1], "refused"]);
  expect(world.sync.stats().tooLargeForPeer).toBe(2);
  expect(client.status.get().name).toBe("connected");
});

test("CAP24 what the server does not take is refused where it is sent: by hello's answer", async () => {
  const world = createWorld({ ...quiet, limits: { maxFrameBytes: 1500 } });
  world.sync.on("app/length", ({ data }) => (data as string).length);
  const client = world.client();
  await world.advance(10);
  await expect(client.request("app/length", "x".repeat(1500))).rejects.toMatchObject({ code: "too-large" });
  expect(() => client.send("app/length", "é".repeat(750))).toThrow(expect.objectContaining({ code: "too-large" }));
  const answer = client.request("app/length", "x".repeat(1400));
  await world.advance(10);
  expect(await answer).toBe(1400);
});

test("CAP24 a plain server's announcement counts for a client that announced itself", async () => {
  const { connector, client, advance, heard } = scripted(
    '[[:chsk/handshake ["ann" nil {:capabilities {:limits {:max-message-size 1200}}}]] nil]',
  );
  const one = client({ connector });
  await advance(10);
  expect(one.send("app/long", "x".repeat(1300))).toBe("ok");
  announce(one);
  expect(() => one.send("app/long", "x".repeat(1300))).toThrow(expect.objectContaining({ code: "too-large" }));
  expect(one.send("app/long", "x".repeat(1000))).toBe("ok");
  await advance(10);
  expect(heard.map((frame) => frame.slice(0, 18))).toEqual(['[[:app/long "xxxxx', "[[:chsk/client-inf", '[[:app/long "xxxxx']);
});

test("CAP25 a client that is refused for its version says why, and stays away until it is told to connect", async () => {
  const { connector, client, advance, errors, says, closes } = scripted('[[:chsk/handshake ["ann" nil nil]] nil]');
  const one = client({ connector });
  announce(one);
  await advance(10);
  says[0]?.('[[[:chsk/close {:reason "Too old." :supported [2 3]}]] nil]');
  await advance(60_000);
  expect(errors.map(({ error }) => error)).toEqual([
    expect.objectContaining({ code: "unsupported", message: expect.stringContaining("Too old.") }),
  ]);
  expect([one.status.get().name, says.length, closes]).toEqual(["disconnected", 1, [1000]]);
  one.connect();
  await advance(10);
  expect([one.status.get().name, says.length]).toEqual(["connected", 2]);
});

test("CAP25 a close for another reason is reported, and the client comes back", async () => {
  const { connector, client, advance, errors, says } = scripted('[[:chsk/handshake ["ann" nil nil]] nil]');
  const one = client({ connector });
  announce(one);
  await advance(10);
  says[0]?.("[[[:chsk/close {:reason :maintenance}]] nil]");
  await advance(10);
  expect(errors).toHaveLength(1);
  expect(one.status.get().name).toBe("connected");
});

test("CAP26 what the server can do is what it said, by any of its names; before and of a silent one what is assumed", async () => {
  const world = createWorld({ ...quiet, capabilities: { features: ["nrepl"] } });
  const client = world.client({ autoConnect: false });
  expect([serverSupports(client, "reply-fn"), serverSupports(client, "sync")]).toEqual([true, false]);
  client.connect();
  await world.advance(10);
  const known = ["reply-fn", "sync", "nrepl", "pubsub", "heartbeat", "smoke"].map((feature) => serverSupports(client, feature));
  expect(known).toEqual([true, true, true, true, true, false]);
  expect(serverCapabilities(client).limits.maxConnections).toBe(20_000);

  const plain = scripted('[[:chsk/handshake ["ann" nil {:hello 1}]] nil]');
  const other = plain.client({ connector: plain.connector });
  await plain.advance(10);
  expect(["reply-fn", "ping-pong", "reconnect", "sync"].map((feature) => serverSupports(other, feature))).toEqual([
    true,
    true,
    false,
    false,
  ]);
});

test("CAP26 what is required of a server that cannot do it is feature-not-supported", async () => {
  const world = createWorld({ ...quiet, capabilities: { features: ["nrepl"] } });
  const client = world.client();
  await world.advance(10);
  expect(() => requireFeature(client, "nrepl")).not.toThrow();
  let thrown: unknown;
  try {
    requireFeature(client, "smoke");
  } catch (error) {
    thrown = error;
  }
  expect(isSyncError(thrown, "feature-not-supported")).toBe(true);
  expect(`${thrown}`).toContain("smoke");
});

import { readFileSync } from "node:fs";
import fc from "fast-check";
import { edn } from "sente-sync/packers/edn";
import { expect, test } from "vitest";
import { Keyword, List, Tagged } from "../../src/core/values.ts";
import {
  announcement,
  type Capabilities,
  defaultsFor,
  libraryVersion,
  minimal,
  readAnnouncement,
  readCapabilities,
  recommended,
  supports,
  toWire,
} from "../../src/session/capabilities.ts";
import { readClose, readPackerAgreement, readPackerCapabilities, readTyped } from "../../src/session/messages/upgrade.ts";

const { pack, unpack } = edn();
const read = (text: string): Capabilities | undefined => readCapabilities(unpack(text));

const full: Capabilities = {
  version: "0.1.0",
  protocolVersion: 1,
  features: new Set(["event", "sync"]),
  wireFormats: ["msgpack", "edn"],
  compression: ["gzip", "none"],
  limits: { maxMessageBytes: 65_536, maxConnections: 9, heartbeatMs: 20_000, maxReconnectDelayMs: 30_000 },
  services: new Map([["nrepl", { ops: new Set(["eval"]) }]]),
  extensions: { "app/theme": "dark" },
};

test("the library's version is the one of package.json", () => {
  const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string };
  expect(libraryVersion).toBe(manifest.version);
});

test("CAP1 the map has keywords in sets, in order, and nothing that was not stated", () => {
  expect(pack(toWire(minimal))).toBe(
    "{:protocol-version 1 :features #{:handshake :event} :wire-formats #{:edn} :compression #{:none}}",
  );
  expect(pack(toWire(full))).toBe(
    "{:protocol-version 1 :features #{:event :sync} :wire-formats #{:msgpack :edn} :compression #{:gzip :none} " +
      ':version "0.1.0" :limits {:max-message-size 65536 :max-connections 9 :heartbeat-interval 20000 :max-reconnect-delay 30000} ' +
      ':services {:nrepl {:ops #{"eval"}}} :extensions {:app/theme "dark"}}',
  );
});

test("CAP1 what is written reads back as the same, the order of preference too", () => {
  for (const capabilities of [minimal, recommended, full]) {
    expect(readCapabilities(unpack(pack(toWire(capabilities))))).toEqual(capabilities);
  }
  expect(readCapabilities(unpack(pack(toWire(full))))?.wireFormats).toEqual(["msgpack", "edn"]);
});

test("CAP2 sets, vectors and lists of keywords and strings say the same", () => {
  for (const names of [
    "#{:event :sync}",
    "[:event :sync]",
    "(:event :sync)",
    '["event" "sync"]',
    "[:event nil 7 :sync :event {}]",
  ]) {
    expect(read(`{:features ${names}}`)?.features).toEqual(new Set(["event", "sync"]));
  }
});

test("CAP2 keys may be strings, as those of a packer without keywords", () => {
  expect(read('{"wire-formats" [:json] "limits" {"max-connections" 3}}')).toMatchObject({
    wireFormats: ["json"],
    limits: { maxConnections: 3 },
  });
});

test("CAP2 unknown fields are ignored, unreadable ones are as if not there", () => {
  expect(
    read('{:version 7 :features "event" :wire-formats nil :compression 1 :limits [1] :services #{:nrepl} :colour "red"}'),
  ).toEqual(minimal);
});

test("CAP2 what is no map is nothing", () => {
  for (const text of ["nil", "1", '"x"', ":a", "[]", "#{}", "()"]) expect(read(text)).toBe(undefined);
  expect(readAnnouncement({ capabilities: [] })).toBe(undefined);
});

test("CAP2, CAP3 and CAP5 whatever comes, reading gives a bounded record with usable numbers, or nothing", () => {
  const leaf = fc.oneof(
    fc.anything(),
    fc.constantFrom<unknown>(new Keyword("edn"), new Keyword(""), new Tagged("a/b", 1), 10n ** 400n, -1n, Number.NaN),
  );
  const item = fc.oneof(
    leaf,
    fc.string().map((name) => new Keyword(name)),
  );
  const collection = fc.oneof(
    fc.array(item, { maxLength: 90 }),
    fc.array(item).map((items) => new Set(items)),
    fc.array(item).map((items) => new List(items)),
  );
  const names = ["version", "protocol-version", "features", "wire-formats", "compression", "limits", "services", "extensions"];
  const limits = ["max-message-size", "max-connections", "heartbeat-interval", "max-reconnect-delay"];
  const field = fc.oneof(
    leaf,
    collection,
    fc.dictionary(fc.constantFrom(...limits, "__proto__", "a"), fc.oneof(leaf, fc.double())),
  );
  const map = fc.dictionary(fc.constantFrom(...names, "type", "reason", "supported", "chosen-packer", "__proto__"), field);
  const value = fc.oneof(
    leaf,
    map,
    map.map((object) => new Map(Object.entries(object).map(([key, part]) => [new Keyword(key), part]))),
  );
  fc.assert(
    fc.property(value, (anything) => {
      for (const reader of [readAnnouncement, readTyped, readPackerCapabilities, readClose]) reader(anything);
      readPackerAgreement(anything, ["edn"]);
      const capabilities = readCapabilities(anything);
      if (!capabilities) return;
      const { features, wireFormats, compression, services, protocolVersion } = capabilities;
      for (const kept of [[...features], wireFormats, compression, [...services.keys()]]) {
        expect(kept.length).toBeLessThanOrEqual(64);
        for (const name of kept) expect(name.length > 0 && name.length <= 128).toBe(true);
      }
      expect(Number.isSafeInteger(protocolVersion) && protocolVersion >= 0).toBe(true);
      for (const limit of Object.values(capabilities.limits)) expect(Number.isSafeInteger(limit) && limit > 0).toBe(true);
    }),
    { numRuns: 1000 },
  );
});

test("CAP3 the first 64 names and 32 services are kept, and names of 1 to 128 characters", () => {
  const names = Array.from({ length: 100 }, (_, i) => `n${i}`);
  const capabilities = readCapabilities({ features: names, services: Object.fromEntries(names.map((name) => [name, 1])) });
  expect([...(capabilities?.features ?? [])]).toEqual(names.slice(0, 64));
  expect([...(capabilities?.services.keys() ?? [])]).toEqual(names.slice(0, 32));
  expect(readCapabilities({ features: ["", "a".repeat(128), "b".repeat(129)] })?.features).toEqual(new Set(["a".repeat(128)]));
  expect(readCapabilities({ version: "1".repeat(200) })?.version).toHaveLength(128);
});

test("CAP3 a large descriptor is nil, large extensions are none; keys, bytes and digits count", () => {
  const large = [
    "x".repeat(4096),
    new Uint8Array(4096),
    new Set(Array.from({ length: 4096 }, (_, i) => i)),
    { ["k".repeat(4096)]: 1 },
  ];
  for (const value of [
    ...large,
    [[["x".repeat(4096)]]],
    new Map([["x".repeat(4096), 1]]),
    10n ** 4096n,
    new Tagged("a/b", "x".repeat(4096)),
  ]) {
    const capabilities = readCapabilities({ services: { big: value, small: { port: 7 } }, extensions: value });
    expect(capabilities?.services).toEqual(
      new Map<string, unknown>([
        ["big", null],
        ["small", { port: 7 }],
      ]),
    );
    expect(capabilities?.extensions).toBe(undefined);
  }
  expect(readCapabilities({ extensions: "x".repeat(4095) })?.extensions).toHaveLength(4095);
});

test("CAP4 what a map does not state is minimal, what it states is not added to", () => {
  expect(read("{}")).toEqual(minimal);
  expect(read("{:compression #{:gzip} :wire-formats #{}}")).toEqual({ ...minimal, compression: ["gzip"], wireFormats: [] });
});

test("CAP4 an unreadable protocol version is 0", () => {
  for (const [text, version] of [
    ["2", 2],
    ["2N", 2],
    ["nil", 1],
    ['"2"', 0],
    ["-1", 0],
    ["0", 0],
    ["1.5", 0],
    [":v1", 0],
  ] as const) {
    expect(read(`{:protocol-version ${text}}`)?.protocolVersion, text).toBe(version);
  }
});

test("CAP5 limits are held between what harms nobody and what a timer can be", () => {
  const limits = (text: string) => read(`{:limits ${text}}`)?.limits;
  expect(limits("{:max-message-size 1 :max-connections 0.5 :heartbeat-interval 1 :max-reconnect-delay 1}")).toEqual({
    maxMessageBytes: 1024,
    heartbeatMs: 1000,
    maxReconnectDelayMs: 1000,
  });
  expect(limits("{:max-message-size 1e300 :heartbeat-interval 1e12 :max-reconnect-delay 90000.9}")).toEqual({
    maxMessageBytes: Number.MAX_SAFE_INTEGER,
    heartbeatMs: 86_400_000,
    maxReconnectDelayMs: 90_000,
  });
  expect(limits('{:max-message-size 0 :max-connections -1 :heartbeat-interval "9000" :max-reconnect-delay nil}')).toEqual({});
  expect(limits("{:max-message-size 70000N}")).toEqual({ maxMessageBytes: 70_000 });
});

test("CAP6 the tiers, and what a silent peer is taken for", () => {
  expect(pack([...minimal.features])).toBe('["handshake" "event"]');
  expect(pack([...recommended.features])).toBe('["handshake" "event" "reply-fn" "ping-pong" "reconnect"]');
  for (const tier of [minimal, recommended, defaultsFor("client"), defaultsFor("server")]) {
    expect(tier).toMatchObject({ protocolVersion: 1, wireFormats: ["edn"], compression: ["none"], limits: {} });
    expect(supports(tier, "sync")).toBe(false);
  }
  expect(defaultsFor("client").features).toEqual(recommended.features);
  expect([...defaultsFor("server").features]).toEqual(["handshake", "event", "reply-fn", "ping-pong"]);
});

test("CAP7 a feature is found by either of its names, however it was said", () => {
  for (const said of ["heartbeat", "ping-pong"]) {
    const capabilities = readCapabilities({ features: [said] }) as Capabilities;
    expect([...capabilities.features]).toEqual(["ping-pong"]);
    expect([supports(capabilities, "heartbeat"), supports(capabilities, "ping-pong")]).toEqual([true, true]);
    expect(supports(capabilities, "reconnect")).toBe(false);
  }
  expect(readCapabilities({ features: ["auto-reconnect", "reconnect", "pubsub"] })?.features).toEqual(
    new Set(["reconnect", "pub-sub"]),
  );
  expect(read("{:wire-formats [:transit-json :edn]}")?.wireFormats).toEqual(["transit", "edn"]);
});

test("CAP8 an announcement stands beside the application's keys in handshake data, and reads back from there", () => {
  for (const data of ["nil", "{:theme 1}", '{:theme 1 "string key" 2}']) {
    const announced = pack(announcement(full, unpack(data)));
    expect(readAnnouncement(unpack(announced))).toEqual(full);
    expect(announced.toString().includes(":theme 1")).toBe(data !== "nil");
  }
  expect(readAnnouncement(unpack(pack(announcement(minimal))))).toEqual(minimal);
  // One announcement, whoever else used the key.
  for (const data of ["{:capabilities 1}", '{:capabilities 1 "capabilities" 2 "string key" 3}']) {
    expect(readAnnouncement(unpack(pack(announcement(full, unpack(data)))))).toEqual(full);
  }
});

test("CAP8 data that is no map goes as it is and announces nothing", () => {
  for (const data of [7, "text", [1], new Set([1]), false]) {
    expect(announcement(full, data)).toBe(data);
    expect(readAnnouncement(data)).toBe(undefined);
  }
  expect(readAnnouncement(unpack("{:theme 1}"))).toBe(undefined);
});

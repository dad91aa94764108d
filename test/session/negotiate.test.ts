import { edn } from "sente-sync/packers/edn";
import { expect, test } from "vitest";
import type { CapabilityLimits } from "../../src/session/capabilities.ts";
import { minimal } from "../../src/session/capabilities.ts";
import { event } from "../../src/session/messages/sente.ts";
import {
  packerAgreement,
  packerCapabilities,
  readClose,
  readPackerAgreement,
  readPackerCapabilities,
  readTyped,
  upgrade,
} from "../../src/session/messages/upgrade.ts";
import { checkVersion, chooseCompression, choosePacker, mutualLimits } from "../../src/session/negotiate.ts";

const { pack, unpack } = edn();

const packers: [title: string, ours: string[], theirs: string[], chosen: string | undefined][] = [
  ["CAP9 the first of ours that they have", ["msgpack", "transit", "edn"], ["edn", "transit"], "transit"],
  ["CAP9 their order does not count", ["edn", "msgpack"], ["msgpack", "edn"], "edn"],
  ["CAP9 one that only they have is not chosen", ["edn"], ["msgpack", "edn"], "edn"],
  ["CAP9 none in common", ["msgpack"], ["edn"], undefined],
  ["CAP9 they offer nothing", ["edn"], [], undefined],
];
test.each(packers)("%s", (_title, ours, theirs, chosen) => expect(choosePacker(ours, theirs)).toBe(chosen));

const compressions: [
  title: string,
  ours: string[],
  theirs: string[],
  thresholdBytes: number | undefined,
  chosen: [string, number],
][] = [
  ["CAP10 the first of ours that they have", ["brotli", "gzip", "none"], ["none", "gzip"], undefined, ["gzip", 1024]],
  ["CAP10 the threshold goes with it", ["gzip"], ["gzip"], 64, ["gzip", 64]],
  ["CAP10 none before gzip means none", ["none", "gzip"], ["gzip", "none"], 64, ["none", Number.POSITIVE_INFINITY]],
  ["CAP10 they list no none, and nothing else fits", ["gzip", "none"], ["brotli"], 64, ["none", Number.POSITIVE_INFINITY]],
  ["CAP10 nothing fits and nobody lists none", ["gzip"], [], undefined, ["none", Number.POSITIVE_INFINITY]],
];
test.each(compressions)("%s", (_title, ours, theirs, thresholdBytes, [algorithm, threshold]) => {
  const chosen = chooseCompression(ours, theirs, thresholdBytes === undefined ? {} : { thresholdBytes });
  expect(chosen).toEqual({ algorithm, thresholdBytes: threshold });
});

const limits: [title: string, a: CapabilityLimits, b: CapabilityLimits, both: CapabilityLimits][] = [
  [
    "CAP11 the smaller one",
    { maxMessageBytes: 2000, heartbeatMs: 9000 },
    { maxMessageBytes: 3000, heartbeatMs: 5000 },
    { maxMessageBytes: 2000, heartbeatMs: 5000 },
  ],
  ["CAP11 the only one", { maxConnections: 5 }, { maxReconnectDelayMs: 7000 }, { maxConnections: 5, maxReconnectDelayMs: 7000 }],
  ["CAP11 none is no limit", {}, {}, {}],
];
test.each(limits)("%s", (_title, a, b, both) => {
  expect(mutualLimits(a, b)).toEqual(both);
  expect(mutualLimits(b, a)).toEqual(both);
});

const versions: [title: string, ours: number, theirs: number, refusal: unknown][] = [
  ["CAP12 the same", 1, 1, undefined],
  ["CAP12 a newer one", 1, 2, { reason: "Protocol version 2 is not supported here; 1 is.", supported: [1] }],
  ["CAP12 an older one", 2, 1, { reason: "Protocol version 1 is not supported here; 2 is.", supported: [2] }],
  ["CAP12 an unreadable one", 1, 0, { reason: "An unreadable protocol version is not supported here; 1 is.", supported: [1] }],
];
test.each(versions)("%s", (_title, ours, theirs, refusal) => {
  expect(checkVersion({ ...minimal, protocolVersion: ours }, { ...minimal, protocolVersion: theirs })).toEqual(refusal);
});

test("CAP12 and CAP16 a refusal travels as it is and reads back", () => {
  const refusal = checkVersion(minimal, { ...minimal, protocolVersion: 2 });
  const text = pack(event(upgrade.close, refusal));
  expect(text).toBe('[:chsk/close {:reason "Protocol version 2 is not supported here; 1 is." :supported [1]}]');
  expect(readClose((unpack(text) as unknown[])[1])).toEqual(refusal);
});

test("CAP13 packers are offered in order, and one is agreed on", () => {
  const offer = pack(event(upgrade.packerCapabilities, packerCapabilities(["edn", "transit", "msgpack"])));
  expect(offer).toBe("[:chsk/packer-capabilities {:supported [:edn :transit :msgpack]}]");
  expect(readPackerCapabilities((unpack(offer) as unknown[])[1])).toEqual(["edn", "transit", "msgpack"]);
  const answer = pack(event(upgrade.packerAgreement, packerAgreement("transit")));
  expect(answer).toBe("[:chsk/packer-agreement {:chosen-packer :transit}]");
  expect(readPackerAgreement((unpack(answer) as unknown[])[1], ["edn", "transit"])).toBe("transit");
});

test("CAP13 an offer without a collection is none", () => {
  for (const text of ["nil", "{}", "{:supported :edn}", "[:edn]", "{:supported nil}"]) {
    expect(readPackerCapabilities(unpack(text))).toBe(undefined);
  }
});

test("CAP14 the form with :type is the event of that name, its map the data", () => {
  const typed = readTyped(unpack("{:type :chsk/packer-capabilities :supported [:edn :msgpack]}"));
  expect(typed?.id).toBe("chsk/packer-capabilities");
  expect(readPackerCapabilities(typed?.data)).toEqual(["edn", "msgpack"]);
  const agreed = readTyped(unpack("{:type :chsk/packer-agreement :chosen-packer :msgpack}"));
  expect([agreed?.id, readPackerAgreement(agreed?.data, ["msgpack"])]).toEqual(["chsk/packer-agreement", "msgpack"]);
});

test("CAP14 another type, or none, is no message", () => {
  for (const text of [
    "{:type :chsk/handshake}",
    "{:type :app/thing}",
    "{:supported [:edn]}",
    "nil",
    "[:type :chsk/close]",
    "{:type 1}",
  ]) {
    expect(readTyped(unpack(text))).toBe(undefined);
  }
});

test("CAP15 an agreement on what was not offered is none", () => {
  const agreement = packerAgreement("transit");
  expect(readPackerAgreement(agreement, ["edn", "msgpack"])).toBe(undefined);
  for (const text of ["{}", "nil", "{:chosen-packer nil}", "{:chosen-packer [:edn]}", "[:edn]"]) {
    expect(readPackerAgreement(unpack(text), ["edn"])).toBe(undefined);
  }
  // By its other name it was.
  expect(readPackerAgreement(unpack("{:chosen-packer :transit-json}"), ["transit"])).toBe("transit");
});

test("CAP16 a reason is text or a keyword, versions are integers, and both are bounded", () => {
  expect(readClose(unpack("{:reason :protocol-version-mismatch :server-version 2 :client-version 1}"))).toEqual({
    reason: "protocol-version-mismatch",
    supported: [2],
  });
  expect(readClose(unpack('{:reason "bye"}'))).toEqual({ reason: "bye", supported: [] });
  expect(readClose(unpack('{:reason "bye" :supported #{1 "2" 3}}'))).toEqual({ reason: "bye", supported: [1, 3] });
  expect(readClose(unpack('{:reason "bye" :supported (4)}'))).toEqual({ reason: "bye", supported: [4] });
  const long = readClose({ reason: "x".repeat(5000), supported: Array.from({ length: 99 }, (_, i) => i) });
  expect([long?.reason.length, long?.supported.length]).toEqual([1024, 16]);
  for (const text of ["nil", "{}", "{:reason 7}", '"bye"']) expect(readClose(unpack(text))).toBe(undefined);
});

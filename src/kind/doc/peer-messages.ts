/**
 * What peers of y-websocket and of Hocuspocus say and hear about one document.
 *
 *   message   0 0 vector              asks for what that state vector lacks
 *             0 1 update, 0 2 update  answers that; tells what is new
 *             1 awareness             a part: varint states, then varint client, varint clock and text of each: JSON, or null
 *             2 …                     y-websocket: 0 and a reason. Hocuspocus: 0 and a token, 1 and a reason, 2 and a scope
 *             3                       asks for awareness
 *             5 text, 7 reason        Hocuspocus: stateless; this document is closed
 *             8 0, 8 1                Hocuspocus: an update was refused, or stored
 *   addressed text, message           Hocuspocus: the document's name, which may go on with a 0 and a session
 *
 * Vectors, updates and awareness are parts: varint bytes, then that many. A ping of Hocuspocus is 9 alone, its answer 10.
 * Always: reading throws SyncError and nothing else; what it gives is bounded; an update is not looked into here.
 * Rules: docs/protocol/yjs-peers.md YPEER3-YPEER5.
 */
import { SyncError } from "../../core/errors.ts";
import { Cursor, malformed, Writer } from "./bytes.ts";
import { passJson, type UpdateLimits } from "./content.ts";
import { readVector, type StateVector, writeVector } from "./vector.ts";

export type PeerData = { readonly [key: string]: unknown };

/** What a client shows of itself; null: nothing any more. */
export type PeerState = readonly [client: number, clock: number, data: PeerData | null];

export type PeerMessage =
  | { readonly type: "ask"; readonly vector: StateVector }
  | { readonly type: "update"; readonly update: Uint8Array; readonly isAnswer: boolean }
  | { readonly type: "awareness"; readonly states: readonly PeerState[] }
  | { readonly type: "query" }
  | { readonly type: "token"; readonly token: string }
  | { readonly type: "stateless"; readonly payload: string }
  | { readonly type: "close" };

/** States in one message, and bytes of all of them. */
const maxStates = 1000;
const maxAwarenessBytes = 256 * 1024;
const stateLimits: UpdateLimits = { maxDepth: 32, maxValues: 10_000, maxKeyBytes: 1024 };
/** Clients that ever wrote. */
const maxVectorClients = 100_000;

const pingByte = 9;
const pongByte = 10;
export const pingMessage: Uint8Array = Uint8Array.of(pingByte);

export function isPong(bytes: Uint8Array): boolean {
  return bytes.length === 1 && bytes[0] === pongByte;
}

/** The name that a message of Hocuspocus is addressed to, and the rest of it. */
export function readAddressed(bytes: Uint8Array): readonly [address: string, message: Uint8Array] {
  const cursor = new Cursor(bytes);
  return [cursor.text(), bytes.subarray(cursor.at)];
}

export function readPeerMessage(bytes: Uint8Array): PeerMessage {
  const cursor = new Cursor(bytes);
  switch (cursor.varint()) {
    case 0:
      return readSync(cursor);
    case 1:
      return { type: "awareness", states: readStates(part(cursor)) };
    case 2:
      if (cursor.varint() !== 0) throw malformed("an unknown word on who one is");
      return { type: "token", token: cursor.text() };
    case 3:
      return { type: "query" };
    case 5:
      return { type: "stateless", payload: cursor.text() };
    case 7:
      return { type: "close" };
    default:
      throw malformed("an unknown message");
  }
}

function readSync(cursor: Cursor): PeerMessage {
  const step = cursor.varint();
  if (step > 2) throw malformed("an unknown step");
  const bytes = part(cursor);
  if (step > 0) return { type: "update", update: bytes, isAnswer: step === 1 };
  if (new Cursor(bytes).varint() > maxVectorClients) {
    throw new SyncError("too-large", `A state vector has at most ${maxVectorClients} clients.`);
  }
  return { type: "ask", vector: readVector(bytes) };
}

function readStates(bytes: Uint8Array): PeerState[] {
  if (bytes.length > maxAwarenessBytes) throw new SyncError("too-large", `Awareness has at most ${maxAwarenessBytes} bytes.`);
  const cursor = new Cursor(bytes);
  const count = cursor.varint();
  if (count > maxStates) throw new SyncError("too-large", `Awareness tells of at most ${maxStates} clients.`);
  const states: PeerState[] = [];
  for (let i = 0; i < count; i++) states.push([cursor.varint(), cursor.varint(), readData(cursor)]);
  return states;
}

function readData(cursor: Cursor): PeerData | null {
  const start = cursor.at;
  passJson(cursor, { limits: stateLimits, values: 0 });
  cursor.at = start;
  const data = JSON.parse(cursor.text()) as unknown;
  if (typeof data !== "object" || Array.isArray(data)) throw malformed("awareness that is no object");
  return data as PeerData | null;
}

function part(cursor: Cursor): Uint8Array {
  const end = cursor.partEnd();
  const bytes = cursor.bytes.subarray(cursor.at, end);
  cursor.at = end;
  return bytes;
}

const encoder = new TextEncoder();

/** Numbers as varints, texts and bytes with their lengths. */
function written(...parts: readonly (number | string | Uint8Array)[]): Uint8Array {
  const writer = new Writer();
  for (const each of parts) {
    if (typeof each === "number") {
      writer.varint(each);
      continue;
    }
    const bytes = typeof each === "string" ? encoder.encode(each) : each;
    writer.varint(bytes.length);
    writer.copy(bytes);
  }
  return writer.take();
}

/** `message` to that address of Hocuspocus; `address` as `addressOf` gives it. */
export function addressed(address: Uint8Array, message: Uint8Array): Uint8Array {
  const both = new Uint8Array(address.length + message.length);
  both.set(address);
  both.set(message, address.length);
  return both;
}

export function addressOf(name: string): Uint8Array {
  return written(name);
}

const noUpdate = Uint8Array.of(0, 0);

export const say: {
  ask(vector: StateVector): Uint8Array;
  /** All that was asked for was told. */
  readonly answered: Uint8Array;
  update(update: Uint8Array): Uint8Array;
  awareness(states: readonly PeerState[]): Uint8Array;
  readonly query: Uint8Array;
  /** To y-websocket. */
  denied(reason: string): Uint8Array;
  /** The others to Hocuspocus. */
  refused(reason: string): Uint8Array;
  allowed(mayWrite: boolean): Uint8Array;
  stateless(payload: string): Uint8Array;
  closed(reason: string): Uint8Array;
  stored(isStored: boolean): Uint8Array;
} = {
  ask: (vector) => written(0, 0, writeVector(vector)),
  answered: written(0, 1, noUpdate),
  update: (update) => written(0, 2, update),
  awareness: (states) =>
    written(1, written(states.length, ...states.flatMap(([client, clock, data]) => [client, clock, JSON.stringify(data)]))),
  query: written(3),
  denied: (reason) => written(2, 0, reason),
  refused: (reason) => written(2, 1, reason),
  allowed: (mayWrite) => written(2, 2, mayWrite ? "read-write" : "readonly"),
  stateless: (payload) => written(5, payload),
  closed: (reason) => written(7, reason),
  stored: (isStored) => written(8, isStored ? 1 : 0),
};

/**
 * A page with y-websocket's or Hocuspocus' provider, in a simulated world: it says and hears what those do, with documents of its own.
 *
 * Always: it comes back after each line that broke, unless it was told to stay away; what it knows to be stored, it was told so.
 * Rules: docs/protocol/yjs-peers.md YPEER5-YPEER9.
 */
import * as decoding from "lib0/decoding";
import * as encoding from "lib0/encoding";
import type { Network, VirtualClock } from "sente-sync/testing";
import * as Y from "yjs";
import type { Env } from "../../src/core/env.ts";
import { addressed, addressOf, say } from "../../src/kind/doc/peer-messages.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { createDoc } from "../doc/yjs.ts";

export interface PeerOptions {
  readonly name: string;
  readonly isHocuspocus: boolean;
  /** Its documents; of y-websocket, which has a socket for each, one. */
  readonly topics: readonly string[];
  /** Of all its lives: the first of its client ids. */
  readonly clientId: number;
}

/** What a message of it was about: marks of edits that are in it. */
type Marks = readonly string[];

/** One document of it. */
export interface PeerNote {
  readonly doc: Y.Doc;
  /** All that the server had when it was asked is here. */
  isSynced: boolean;
  /** What was said and not answered, in order: Hocuspocus answers each. */
  readonly said: { readonly marks: Marks; isLost: boolean }[];
}

const providerOrigin = "server";
/** Before it comes back: twice as long each time, until it got through. */
const reconnectMs = { least: 100, most: 2500 };
/** Both give up a socket that says nothing for so long, and look each so often. */
const silentMs = 30_000;
const lookMs = 3000;

export class SimPeer {
  readonly name: string;
  readonly isHocuspocus: boolean;
  readonly notes: Map<string, PeerNote> = new Map();
  /** Messages of Hocuspocus were answered so. */
  onStored: (topic: string, marks: Marks, isStored: boolean) => void = () => {};
  readonly #options: PeerOptions;
  readonly #clock: VirtualClock;
  readonly #network: Network;
  #env!: Env;
  #lives = 0;
  /** To come back, in vain. */
  #tries = 0;
  #line: Transport | undefined;
  #lastHeardMs = 0;
  #clockOfAwareness = 0;
  /** Edits of this turn, by document: they are one message. */
  #marks: string[] = [];

  constructor(options: PeerOptions, clock: VirtualClock, network: Network) {
    this.#options = options;
    this.name = options.name;
    this.isHocuspocus = options.isHocuspocus;
    this.#clock = clock;
    this.#network = network;
    this.#begin();
  }

  get isSynced(): boolean {
    return this.#line !== undefined && [...this.notes.values()].every(({ isSynced }) => isSynced);
  }

  /** The page is opened anew: what it had not sent is gone. */
  reload(): void {
    this.#network.crash(this.name);
    this.#line = undefined;
    this.#begin();
  }

  cut(): void {
    this.#network.cut(this.name);
  }

  /** Edits, with a mark by which the edit is known. */
  edit(topic: string, mark: string, run: (doc: Y.Doc) => void): void {
    this.#marks = [mark];
    const { doc } = this.notes.get(topic) as PeerNote;
    doc.transact(() => run(doc));
    this.#marks = [];
  }

  /** Bytes as they are. */
  send(topic: string, message: Uint8Array): void {
    const data = this.isHocuspocus ? addressed(addressOf(topic), message) : message;
    this.#line?.send({ data, text: false });
  }

  showItself(topic: string): void {
    const { doc } = this.notes.get(topic) as PeerNote;
    this.send(topic, say.awareness([[doc.clientID, ++this.#clockOfAwareness, { name: this.name }]]));
  }

  #begin(): void {
    this.#lives++;
    this.#env = this.#clock.envFor(this.name);
    for (const { doc } of this.notes.values()) doc.destroy();
    this.notes.clear();
    for (const topic of this.#options.topics) {
      const doc = createDoc(this.#options.clientId + this.#lives);
      this.notes.set(topic, { doc, isSynced: false, said: [] });
      doc.on("update", (update: Uint8Array, origin: unknown) => {
        if (origin !== providerOrigin) this.#tell(topic, say.update(update), this.#marks);
      });
    }
    this.#connect();
    this.#look();
  }

  /** What is to be stored. */
  #tell(topic: string, message: Uint8Array, marks: Marks): void {
    if (!this.#line) return;
    this.notes.get(topic)?.said.push({ marks, isLost: false });
    this.send(topic, message);
  }

  #look(): void {
    this.#env.setTimer(() => {
      if (this.#line && this.#env.monotonicMs() - this.#lastHeardMs > silentMs) {
        this.#line.terminate();
        this.#ended();
      }
      this.#look();
    }, lookMs);
  }

  #connect(): void {
    const path = this.isHocuspocus ? "/hocuspocus" : `/yjs/${this.#options.topics[0]}`;
    this.#network.connector(this.name).open(`ws://server${path}?as=${this.name}`, {
      onOpen: (line) => this.#opened(line),
      onFail: () => this.#connectSoon(),
    });
  }

  #connectSoon(): void {
    this.#env.setTimer(() => this.#connect(), Math.min(reconnectMs.most, reconnectMs.least * 2 ** this.#tries++));
  }

  #opened(line: Transport): void {
    this.#line = line;
    this.#lastHeardMs = this.#env.monotonicMs();
    line.handlers = {
      onFrame: (data) => {
        if (line === this.#line) this.#hear(data as Uint8Array);
      },
      onClose: () => {
        if (line === this.#line) this.#ended();
      },
    };
    for (const topic of this.notes.keys()) this.#greet(topic);
  }

  #greet(topic: string): void {
    if (this.isHocuspocus) this.send(topic, tokenMessage);
    const { doc } = this.notes.get(topic) as PeerNote;
    this.send(topic, say.ask(Y.decodeStateVector(Y.encodeStateVector(doc))));
    this.showItself(topic);
  }

  #ended(): void {
    this.#line = undefined;
    for (const note of this.notes.values()) {
      note.isSynced = false;
      note.said.length = 0;
    }
    this.#connectSoon();
  }

  #hear(data: Uint8Array): void {
    this.#lastHeardMs = this.#env.monotonicMs();
    if (this.isHocuspocus && data.length === 1 && data[0] === 9) {
      this.#line?.send({ data: Uint8Array.of(10), text: false });
      return;
    }
    const decoder = decoding.createDecoder(data);
    const topic = this.isHocuspocus ? decoding.readVarString(decoder) : (this.#options.topics[0] as string);
    const note = this.notes.get(topic) as PeerNote;
    switch (decoding.readVarUint(decoder)) {
      case 0:
        return this.#sync(topic, note, decoding.readVarUint(decoder), decoding.readVarUint8Array(decoder));
      case 3:
        return this.showItself(topic);
      case 8:
        return this.#answered(topic, note, decoding.readVarUint(decoder) === 1);
      case 7:
        // A provider opens it again when its page asks for that: this one does.
        note.isSynced = false;
        note.said.length = 0;
        this.#env.setTimer(() => this.#line && this.#greet(topic), reconnectMs.most);
    }
  }

  #sync(topic: string, note: PeerNote, step: number, bytes: Uint8Array): void {
    if (step === 0) {
      const update = Y.encodeStateAsUpdate(note.doc, bytes);
      return this.#tell(topic, answerMessage(update), [...note.doc.getMap("marks").keys()]);
    }
    Y.applyUpdate(note.doc, bytes, providerOrigin);
    if (step !== 1) return;
    note.isSynced = true;
    this.#tries = 0;
  }

  #answered(topic: string, note: PeerNote, isStored: boolean): void {
    const told = note.said.shift();
    if (told) this.onStored(topic, told.marks, isStored);
  }
}

const tokenMessage = ((): Uint8Array => {
  const encoder = encoding.createEncoder();
  for (const number of [2, 0]) encoding.writeVarUint(encoder, number);
  for (const text of ["token", "4.7.0"]) encoding.writeVarString(encoder, text);
  return encoding.toUint8Array(encoder);
})();

/** An answer of the second step: as an update, but for its step. */
function answerMessage(update: Uint8Array): Uint8Array {
  const message = say.update(update);
  message[1] = 1;
  return message;
}

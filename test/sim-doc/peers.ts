/**
 * The pages with providers of one history: some edit, some may only read and edit nevertheless, one sends what it likes.
 *
 * Always: the server listens to them in each of its lives; every edit of one that may write leaves a mark.
 * Rules: docs/protocol/yjs-peers.md YPEER5-YPEER10.
 */
import type { User } from "sente-sync";
import type { YjsPeers } from "sente-sync/doc/peers";
import type { Network, Rng, SimulatedServer, VirtualClock } from "sente-sync/testing";
import type * as Y from "yjs";
import { say } from "../../src/kind/doc/peer-messages.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { edit } from "../doc/yjs.ts";
import type { DocModel } from "./history.ts";
import { type PeerNote, SimPeer } from "./peer.ts";

type Role = "honest" | "reader" | "hostile";

export interface PlannedPeer {
  readonly role: Role;
  readonly isHocuspocus: boolean;
  readonly isAnonymous: boolean;
  readonly topics: readonly string[];
}

/** Who comes in a history, drawn before anything runs. */
export function drawPeers(rng: Rng, topics: readonly string[]): readonly PlannedPeer[] {
  const roles: Role[] = [];
  for (const [role, chance] of [
    ["honest", 0.5],
    ["honest", 0.25],
    ["reader", 0.15],
    ["hostile", 0.2],
  ] as const) {
    if (rng.chance(chance)) roles.push(role);
  }
  return roles.map((role) => {
    const isHocuspocus = rng.chance(0.5);
    // Anonymous ones are one owner together, so that none of them is a reader or hostile.
    const isAnonymous = role === "honest" && rng.chance(0.4);
    return { role, isHocuspocus, isAnonymous, topics: isHocuspocus ? topics : [rng.pick(topics)] };
  });
}

export interface PeersHost {
  readonly clock: VirtualClock;
  readonly network: Network;
  readonly server: SimulatedServer<{ readonly peers: YjsPeers }>;
  readonly clients: readonly { readonly name: string; readonly user: User }[];
}

interface Each {
  readonly peer: SimPeer;
  readonly role: Role;
  readonly user: User;
}

export class SimPeers {
  readonly #planned: readonly PlannedPeer[];
  readonly #model: DocModel;
  #all: readonly Each[] | undefined;
  #servedLife = 0;

  constructor(planned: readonly PlannedPeer[], model: DocModel) {
    this.#planned = planned;
    this.#model = model;
  }

  /** Lets them in where the server was started, and brings them to life the first time. */
  follow({ clock, network, server, clients }: PeersHost): void {
    if (!this.#planned.length || !server.isUp || server.lives === this.#servedLife) return;
    this.#servedLife = server.lives;
    const { app, sync } = server;
    const accept = (transport: Transport, url: string): void => {
      const name = new URL(url).searchParams.get("as");
      const each = this.#all?.find(({ peer }) => peer.name === name);
      if (each) app.peers.accept(transport, url, each.user);
      else void sync.accept(transport, url, clients.find((client) => client.name === name)?.user);
    };
    network.listen("server", accept, clock.envFor("server"));
    this.#all ??= this.#planned.map((planned, index) => this.#make(planned, index, clock, network));
  }

  #make({ role, isHocuspocus, isAnonymous, topics }: PlannedPeer, index: number, clock: VirtualClock, network: Network): Each {
    const { notes, stored } = this.#model;
    const clientId = 5_000_000 + 10_000 * index;
    const peer = new SimPeer({ name: `peer${index}`, isHocuspocus, topics, clientId }, clock, network);
    peer.onStored = (topic, marks, isStored) => {
      if (!isStored) return notes.reached("an edit of a peer that was refused");
      if (role !== "honest") return;
      notes.stored++;
      for (const mark of marks) stored.get(idOf(topic))?.add(mark);
    };
    const user = isAnonymous ? { id: `anonymous-${index}`, anonymous: true } : { id: `${role}${index}` };
    return { peer, role, user };
  }

  /** Of which all that they edited has to be stored, in the end, and who show what the server has. */
  *honest(): IterableIterator<{ readonly name: string; readonly id: string; readonly note: PeerNote; readonly role: Role }> {
    for (const { peer, role } of this.#all ?? []) {
      if (role === "hostile") continue;
      for (const [topic, note] of peer.notes) yield { name: peer.name, id: idOf(topic), note, role };
    }
  }

  unsettled(): string | undefined {
    const waiting = this.#all?.find(({ peer, role }) => role !== "hostile" && !peer.isSynced);
    return waiting && `${waiting.peer.name} has not all that the server has`;
  }

  act(rng: Rng, attacks: readonly ((known: Y.Doc, rng: Rng) => Uint8Array)[]): void {
    if (!this.#all?.length) return;
    const { peer, role } = rng.pick(this.#all);
    const [topic, note] = rng.pick([...peer.notes]);
    if (rng.chance(0.06)) return peer.reload();
    if (rng.chance(0.1)) return peer.cut();
    if (rng.chance(0.1)) return peer.showItself(topic);
    if (role === "hostile") {
      const bytes = rng.chance(0.8) ? say.update(rng.pick(attacks)(note.doc, rng)) : rng.bytes(1 + rng.int(12));
      this.#model.notes.reached("a peer that sent what it likes");
      return peer.send(topic, bytes);
    }
    if (role === "honest") this.#model.honest.add(note.doc.clientID);
    for (let n = rng.pick([1, 1, 2]); n > 0; n--) {
      const mark = this.#model.nextMark();
      peer.edit(topic, mark, (edited) => {
        if (role === "honest") edit(edited, rng);
        // Nobody may ever see this.
        edited.getMap(role === "honest" ? "marks" : "forbidden").set(mark, true);
      });
      this.#model.notes.reached(`an edit of a peer: ${peer.isHocuspocus ? "Hocuspocus" : "y-websocket"}, ${role}`);
    }
  }
}

const idOf = (topic: string): string => topic.slice(topic.indexOf("/") + 1);

/**
 * Judges a Yjs update against what a document has: what of it is new, and whether all that it builds upon is there.
 *
 * Yjs keeps what it cannot integrate yet, at a cost that grows with the square; and it applies half of what it cannot read. So nothing
 * is given to it that it could not integrate at once, and as a whole.
 * Always: an update that passes leaves nothing pending in a document of that vector; it deletes nothing that is not there.
 * Rules: docs/protocol/doc.md DOC3-DOC6.
 */
import { SyncError } from "../../core/errors.ts";
import { malformed } from "./bytes.ts";
import type { UpdateLimits } from "./content.ts";
import { saysPlace } from "./places.ts";
import { flags, kinds, UpdateReader } from "./update.ts";
import { type StateVector, writeVector } from "./vector.ts";

export interface Judged {
  /** Of each client that it has something new of, the clock up to which it is known then. */
  readonly added: ReadonlyMap<number, number>;
  /** Some of its structs are known already. */
  readonly isPartlyKnown: boolean;
  /** Something new stands in a type, or under a key. */
  readonly isPlaced: boolean;
  readonly deletes: boolean;
}

/** New structs of one client, and what they build upon of others that is new as well. */
interface Block {
  readonly from: number;
  end: number;
  /** Own clock, client and clock of each, as far as it is further on than what those before build upon. */
  readonly needs: number[];
  /** How far that is. */
  readonly reach: Map<number, number>;
}

/** The most that one struct without content may be long: what is collected says its length alone. */
const maxEmptyLength = 2 ** 24;
/** Clients that one update may have something new of. */
const maxNewClients = 64;

/** Throws SyncError: `gap` where it builds upon what is not there, with the vector as data, else what is wrong with it. */
export function judgeUpdate(
  update: Uint8Array,
  vector: StateVector,
  limits?: UpdateLimits,
  maxClients: number = maxNewClients,
): Judged {
  const reader = new UpdateReader(update, limits);
  const blocks = new Map<number, Block>();
  let isPartlyKnown = false;
  let isPlaced = false;
  // Structs come client by client.
  let last = -1;
  let known = 0;
  let block: Block | undefined;
  while (reader.next()) {
    const { client, clock, length, info } = reader;
    const end = clock + length;
    if (client !== last) {
      last = client;
      known = vector.get(client) ?? 0;
      block = undefined;
    }
    if ((info & flags.content) === kinds.hole) throw gap("It has a hole", vector);
    if (clock > known && block?.end !== clock) throw gap(`It begins at clock ${clock} of client ${client}`, vector);
    if (length > maxEmptyLength && (info & flags.content) <= 1) throw malformed("a struct that is too long");
    if (clock < known) isPartlyKnown = true;
    if (end <= known) continue;
    if (saysPlace(reader)) isPlaced = true;
    if (block) block.end = end;
    else {
      if (blocks.size === maxClients) throw new SyncError("too-large", `An update is of at most ${maxClients} clients.`);
      block = { from: known, end, needs: [], reach: new Map() };
      blocks.set(client, block);
    }
    // Of one that is partly known, the rest builds upon that part.
    if (clock >= known) addNeeds(block, reader, vector);
  }

  const missing = blocks.size > 1 ? firstBlocked(blocks) : [...blocks].find(([, { needs }]) => needs.length)?.[0];
  if (missing !== undefined) throw gap(`Client ${missing} builds upon what is not there`, vector);

  let deletes = false;
  while (reader.nextDeleted()) {
    deletes = true;
    const there = blocks.get(reader.client)?.end ?? vector.get(reader.client) ?? 0;
    if (reader.clock + reader.length > there) throw gap(`It deletes what client ${reader.client} has not written`, vector);
  }
  const added = new Map<number, number>();
  for (const [client, { end }] of blocks) added.set(client, end);
  return { added, isPartlyKnown, isPlaced, deletes };
}

/** What the struct that was read builds upon, as far as the document has not got it. */
function addNeeds(block: Block, reader: UpdateReader, vector: StateVector): void {
  const { client, clock, originClient, originClock, rightClient, rightClock, parentClient, parentClock } = reader;
  if (originClient >= 0) addNeed(block, vector, client, clock, originClient, originClock);
  if (rightClient >= 0) addNeed(block, vector, client, clock, rightClient, rightClock);
  if (parentClient >= 0) addNeed(block, vector, client, clock, parentClient, parentClock);
}

function addNeed(block: Block, vector: StateVector, own: number, clock: number, upon: number, needed: number): void {
  if (upon === own) {
    // What comes before it is there.
    if (needed >= clock) throw gap(`Client ${own} builds upon what is not there`, vector);
    return;
  }
  if (needed <= (block.reach.get(upon) ?? -1) || needed < (vector.get(upon) ?? 0)) return;
  block.reach.set(upon, needed);
  block.needs.push(clock, upon, needed);
}

/** Walks all clients forward as far as they get; the first that does not get to its end. */
function firstBlocked(blocks: ReadonlyMap<number, Block>): number | undefined {
  const walks = new Map([...blocks].map(([client, block]) => [client, { block, at: 0, done: block.from }]));
  /** By the client that they wait for. */
  const waiting = new Map<number, number[]>();
  const due = [...blocks.keys()];
  for (let client = due.pop(); client !== undefined; client = due.pop()) {
    const walk = walks.get(client);
    if (!walk) continue;
    const { needs, end } = walk.block;
    const before = walk.done;
    let waitsFor: number | undefined;
    while (walk.at < needs.length && waitsFor === undefined) {
      walk.done = needs[walk.at] as number;
      const upon = needs[walk.at + 1] as number;
      if ((needs[walk.at + 2] as number) < (walks.get(upon)?.done ?? 0)) walk.at += 3;
      else waitsFor = upon;
    }
    if (waitsFor === undefined) walk.done = end;
    else {
      const others = waiting.get(waitsFor);
      if (others) others.push(client);
      else waiting.set(waitsFor, [client]);
    }
    const woken = waiting.get(client);
    // Only where it got further: else a ring would go round for ever.
    if (woken && walk.done > before) {
      waiting.delete(client);
      due.push(...woken);
    }
  }
  return [...blocks.keys()].find((client) => walks.get(client)?.done !== blocks.get(client)?.end);
}

function gap(what: string, vector: StateVector): SyncError {
  const message = `${what}: send what is missing since the vector.`;
  return new SyncError("gap", message, { data: { vector: writeVector(vector) } });
}

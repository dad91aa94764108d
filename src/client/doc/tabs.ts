/**
 * Tabs of one browser that have the same document open: each sees at once what the others edit, offline too.
 *
 * What a tab edits it posts to the others and writes to the server itself; the others show it, and write it only where that tab does
 * not. Who has opened it, or lacks something, asks with its state vector: the quickest answers, the others add what that one lacked.
 * Where a document is replaced, so are those that took from it what is not stored.
 * Always: nothing passes between users, servers, or epochs of a document; what is taken is read and judged as a whole first, so that
 * nothing waits in a document for what it builds upon; every list has a limit.
 * Rules: docs/protocol/doc.md DOC45-DOC50.
 */
import * as Y from "yjs";
import { randomHex, type Timer } from "../../core/env.ts";
import { isSyncError } from "../../core/errors.ts";
import type { Readable } from "../../core/store.ts";
import { judgeUpdate } from "../../kind/doc/judge.ts";
import { noLimits, UpdateReader } from "../../kind/doc/update.ts";
import { readVector, writeVector } from "../../kind/doc/vector.ts";
import type { KindCore } from "../client.ts";
import type { Held } from "../held.ts";
import { createAnswers, exceeds } from "./tab-answers.ts";
import type { OpenTabLine, TabLine } from "./tab-line.ts";
import { maxTabBytes, type Part, readTabMessage, type TabMessage, writeTabMessage } from "./tab-messages.ts";
import { createPlace } from "./tab-place.ts";
import { Taken, type UpTo } from "./taken.ts";
import { Unstored } from "./unstored.ts";

/** The origin of transactions that bring what another tab edited. */
export const tab = "sente-sync/tab";

/** How a document is shared with other tabs. */
export interface TabsState {
  /** Other tabs are told, and heard. */
  readonly isShared: boolean;
  /** Updates that came from other tabs. */
  readonly taken: number;
  /** Messages that were not, since they were malformed, of another version, or too large. */
  readonly ignored: number;
}

/** The document, as its tabs see it. */
export interface TabsHost {
  readonly core: KindCore;
  readonly topic: string;
  readonly held: Held;
  readonly doc: Y.Doc;
  readonly synced: Readable<boolean>;
  /** Takes an update that was judged. */
  take(update: Uint8Array): void;
  /** Writes it as if it had been made here. */
  write(update: Uint8Array): Promise<void>;
  /** Replaces the document by what the server has. */
  startOver(): void;
}

export interface Tabs {
  readonly state: TabsState;
  /** Something was edited here, which may build upon what others have not stored yet: that is written first. */
  writeBeneath(): void;
  /** It was edited here; `stored` settles with its write. */
  made(update: Uint8Array, stored: Promise<void>): void;
  /** This device's copy is in it, which is of that epoch. */
  shown(of: string): void;
  /** The document is another one now. */
  replaced(): void;
}

/** Between two questions, at first; where no answer helps, twice as long each time. */
const askMs = 500;
const maxAskMs = 60_000;
/** So long, and up to twice as long, a tab that is online waits for another to store what it edited. */
const adoptMs = 10_000;
const maxDead = 1000;
/** As many as wrote in a document that this tab has not got. */
const maxClients = 100_000;

export function shareTabs(host: TabsHost, open: OpenTabLine): Tabs {
  const { core, held, synced } = host;
  const { env } = core;
  let line: TabLine | undefined;
  /** The name of the line, and the newest name that one may have: it says who this is. */
  let opened = "";
  let user = "";
  let life = randomHex(env, 8);
  let own = new Unstored();
  let made: Uint8Array[] = [];
  /** Writes of what was made here: up to which edit, in order. */
  let writes: { nth: number; readonly stored: Promise<void>; isStored: boolean }[] = [];
  const others = new Taken();
  const dead = new Set<string>();
  let asking: Timer | undefined;
  let askDelayMs = 0;
  let adopting: Timer | undefined;
  let taken = 0;
  let ignored = 0;

  const post = (message: TabMessage): void => {
    core.attempt(() => line?.post(writeTabMessage(message)), host.topic);
  };
  const vectorNow = (): Map<number, number> => readVector(Y.encodeStateVector(host.doc));

  /** All that is not stored, whoever edited it. */
  const allParts = (): Part[] => [...own.pieces.map(({ nth, update }) => ({ life, nth, update })), ...others.parts];

  const postMade = (): void => {
    const updates = made;
    made = [];
    const { epoch } = place;
    if (!epoch || !updates.length) return;
    const update = updates.length > 1 ? Y.mergeUpdates(updates) : (updates[0] as Uint8Array);
    if (update.length <= maxTabBytes) post({ type: "edit", life, epoch, nth: own.nth, update });
  };

  const ask = (): void => {
    asking = undefined;
    const { epoch } = place;
    if (epoch) post({ type: "ask", life, epoch, vector: Y.encodeStateVector(host.doc) });
  };
  /** Something is missing here. */
  const askSoon = (): void => {
    if (asking !== undefined || !line) return;
    asking = env.setTimer(ask, askDelayMs);
    askDelayMs = Math.min(Math.max(askDelayMs * 2, askMs), maxAskMs);
  };

  const answers = createAnswers(env, ({ asker, vector, isAnswered, knows }) => {
    const { epoch } = place;
    if (!line || !epoch) return;
    const mine = vectorNow();
    const more = allParts().filter((part) => !knows(part));
    if (isAnswered && !more.length && !exceeds(mine, vector)) return;
    const update = Y.encodeStateAsUpdate(host.doc, writeVector(vector));
    const bytes = more.reduce((sum, part) => sum + part.update.length, update.length);
    if (bytes <= maxTabBytes) post({ type: "answer", life, epoch, asker, vector: writeVector(mine), update, parts: more });
  });

  /** Takes what others say, as a whole or not at all. */
  const take = (update: Uint8Array, from: readonly Part[], isAnswer: boolean): void => {
    if (from.some((part) => dead.has(part.life))) return;
    let isNew: boolean;
    try {
      const { added, deletes } = isAnswer
        ? judgeUpdate(update, vectorNow(), noLimits, maxClients)
        : judgeUpdate(update, vectorNow());
      // Nobody else writes under it.
      if (added.has(host.doc.clientID)) return void ignored++;
      isNew = added.size > 0 || deletes;
    } catch (error) {
      if (isSyncError(error, "gap")) askSoon();
      else ignored++;
      return;
    }
    const theirs = from.filter((part) => part.life !== life);
    if (!others.add(theirs, isAnswer)) return void ignored++;
    if (isNew) {
      taken++;
      host.take(update);
    }
    if (isAnswer) askDelayMs = 0;
    adoptLater();
  };

  const stored = (of: string, nth: number): void => {
    others.drop(of, nth);
    if (others.isEmpty) stopAdopting();
  };

  const heardOver = (of: string): void => {
    bury(of);
    // What is here may be what was refused there.
    if (others.has(of)) host.startOver();
  };
  const bury = (of: string): void => {
    dead.add(of);
    if (dead.size > maxDead) dead.delete(dead.values().next().value as string);
  };

  const receive = (value: unknown): void =>
    core.attempt(() => {
      const message = readTabMessage(value);
      if (!message) return void ignored++;
      if (!line || message.life === life || dead.has(message.life)) return;
      if (message.type === "stored") return stored(message.life, message.nth);
      if (message.type === "over") return heardOver(message.life);
      if (message.epoch !== place.epoch) return;
      if (message.type === "edit") return take(message.update, [message], false);
      let vector: Map<number, number>;
      try {
        vector = readVector(message.vector);
      } catch {
        return void ignored++;
      }
      if (message.type === "ask") {
        if (exceeds(vector, vectorNow())) askSoon();
        answers.heardAsk(message.life, vector);
      } else if (message.asker === life) take(message.update, message.parts, true);
      else answers.heardAnswer(message.asker, vector, message.parts);
    }, host.topic);

  const isOnline = (): boolean => held.status.get() === "live" && synced.get();

  /** Who edited something may be gone with it: then it is written from here. */
  const adoptLater = (): void => {
    if (adopting !== undefined || others.isEmpty || !isOnline()) return;
    const old = others.newest;
    adopting = env.setTimer(
      () => {
        adopting = undefined;
        writeUpTo(old);
        adoptLater();
      },
      adoptMs * (1 + env.random()),
    );
  };
  const stopAdopting = (): void => {
    if (adopting !== undefined) env.clearTimer(adopting);
    adopting = undefined;
  };
  /** What this tab has not written yet. Where it is refused, the document is replaced. */
  const writeUpTo = (upTo: readonly UpTo[]): void => {
    const left = others.takeUnwritten(upTo);
    if (!left.length) return;
    host.write(Y.mergeUpdates(left.map(({ update }) => update))).then(
      () => tellStored(left),
      () => {},
    );
  };
  const tellStored = (parts: readonly Part[]): void => {
    for (const part of parts) {
      stored(part.life, part.nth);
      post({ type: "stored", life: part.life, nth: part.nth });
    }
  };

  /** Opens the line where it is known which one, and closes it where that is no longer so. */
  const refresh = (): void => {
    const { name, epoch } = place;
    if (user && name && name !== user) {
      // Somebody else, who has nothing of the one before.
      forget();
      if (!others.isEmpty) host.startOver();
    }
    if (name) user = name;
    if (line && (!epoch || !name || opened !== name)) close();
    if (!line && epoch && name) {
      opened = name;
      core.attempt(() => {
        line = open(name, receive);
      }, host.topic);
      askDelayMs = 0;
      askSoon();
      for (const { nth, update } of own.pieces) post({ type: "edit", life, epoch, nth, update });
    }
    if (isOnline()) adoptLater();
    else stopAdopting();
  };
  const close = (): void => {
    line?.close();
    line = undefined;
    if (asking !== undefined) env.clearTimer(asking);
    asking = undefined;
  };
  const forget = (): void => {
    own = new Unstored();
    made = [];
    writes = [];
  };
  const place = createPlace(host, refresh);

  return {
    get state() {
      return { isShared: line !== undefined, taken, ignored };
    },
    writeBeneath: () => writeUpTo(others.newest),
    made(update, written) {
      // What an earlier page kept is whatever it was.
      if (!isReadable(update)) return;
      own.add(own.nth + 1, update);
      if (!made.length) env.endOfTurn(postMade);
      made.push(update);
      const last = writes.at(-1);
      if (last?.stored === written) {
        last.nth = own.nth;
        return;
      }
      const of = life;
      const write = { nth: own.nth, stored: written, isStored: false };
      writes.push(write);
      written.then(
        () => {
          write.isStored = true;
          if (of !== life) return;
          let nth = 0;
          while (writes[0]?.isStored) nth = (writes.shift() as { nth: number }).nth;
          if (!nth) return;
          own.drop(nth);
          post({ type: "stored", life, nth });
        },
        // The document is replaced, or at its end.
        () => {},
      );
    },
    shown: place.shown,
    replaced() {
      bury(life);
      post({ type: "over", life });
      forget();
      others.clear();
      answers.clear();
      stopAdopting();
      life = randomHex(env, 8);
      askSoon();
    },
  };
}

function isReadable(update: Uint8Array): boolean {
  try {
    const reader = new UpdateReader(update, noLimits);
    while (reader.next());
    while (reader.nextDeleted());
    return true;
  } catch {
    return false;
  }
}

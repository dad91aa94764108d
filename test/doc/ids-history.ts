/**
 * A history of one device: pages that open and die at any moment, with and without a line, on a disk where everything takes time.
 *
 * Each edit is a word of its own. Two edits under one id and clock are one for the server and for Yjs: one of the words is then missing
 * though it was acknowledged, or somebody shows another one.
 */
import type { OpenOutboxStore, OutboxRecord, OutboxStore } from "sente-sync/client/outbox";
import { outbox } from "sente-sync/client/outbox";
import type { DocOptions } from "sente-sync/doc";
import { coreOf } from "../../src/client/client.ts";
import { writesOf } from "../../src/client/writes.ts";
import type { Env } from "../../src/core/env.ts";
import type { Rng } from "../../src/testing/rng.ts";
import { MemoryDisk } from "../client/outbox-world.ts";
import { createWorld, type Page } from "./world.ts";

interface Life {
  readonly page: Page;
  readonly die: () => void;
  readonly fresh: number;
  isOnline: boolean;
  wasEdited: boolean;
  readonly words: string[];
}

const maxPages = 3;

/** Each thing takes a while, and is done at its end, unless the page has died. */
function slow(store: OutboxStore, rng: Rng, meanMs: number): { readonly store: OutboxStore; readonly die: () => void } {
  let isDead = false;
  return {
    die() {
      isDead = true;
    },
    store: {
      name: "slow",
      async open(env) {
        const inner = await store.open(env);
        const later = async <T>(run: () => Promise<T>): Promise<T> => {
          await new Promise<void>((resolve) => env.setTimer(resolve, rng.exponential(meanMs)));
          // Nobody hears what becomes of it.
          return isDead ? new Promise<T>(() => {}) : run();
        };
        const wrap = (record: OutboxRecord): OutboxRecord => ({
          load: () => later(() => record.load()),
          save: (changes) => later(() => record.save(changes)),
          release: () => later(() => record.release()),
          remove: () => later(() => record.remove()),
        });
        const opened: OpenOutboxStore = {
          list: (prefix) => later(() => inner.list(prefix)),
          read: (id, key) => later(() => inner.read(id, key)),
          swap: (...args) => later(() => inner.swap(...args)),
          claim: (id) =>
            later(async () => {
              const record = await inner.claim(id);
              return record && wrap(record);
            }),
          close: () => inner.close(),
        };
        return opened;
      },
    },
  };
}

/** All that was edited there is on the disk, or answered. */
function isKept({ client, note }: Page): boolean {
  const { keeper, unanswered, writer } = writesOf(coreOf(client));
  const handed = writer(note.topic, "doc").waiting.length + unanswered.adopted(note.topic);
  return keeper?.isKeeping === true && note.pending.get() === handed;
}

/** `docOptions`: how its pages open the document. */
export async function idHistory(rng: Rng, docOptions: (env: Env) => DocOptions = () => ({})) {
  const world = createWorld({ limits: { clientIds: { burst: 1000, perSecond: 1 } } }, {}, rng.int(1e9));
  const disk = new MemoryDisk();
  const options = docOptions(world.env);
  const lives: Life[] = [];
  const stored: string[] = [];
  /** Were in the outbox when their page died, or through it. */
  const kept: string[] = [];
  const counts = { lives: 0, taken: 0, takenOffline: 0, clients: 0 };
  const meanMs = rng.pick([1, 10, 100]);
  let words = 0;

  const open = async (isOnline: boolean): Promise<Life> => {
    const { store, die } = disk.store();
    const own = slow(store, rng, meanMs);
    const page = await world.page("ada", { storage: outbox(own.store, { user: "ada" }), autoConnect: false }, options);
    if (isOnline) page.online();
    else page.offline();
    const life: Life = {
      page,
      isOnline,
      wasEdited: false,
      words: [],
      fresh: page.note.doc.clientID,
      die() {
        if (isKept(page)) kept.push(...life.words);
        own.die();
        die();
        page.offline();
        page.client.close();
      },
    };
    counts.lives++;
    lives.push(life);
    return life;
  };

  const edit = (life: Life): void => {
    const { page } = life;
    const word = `${++words};`;
    if (!life.wasEdited && page.note.doc.clientID !== life.fresh) {
      counts.taken++;
      if (!life.isOnline) counts.takenOffline++;
    }
    life.wasEdited = true;
    life.words.push(word);
    const at = page.text
      .split(";")
      .slice(0, rng.int(page.text.split(";").length))
      .map((each) => `${each};`)
      .join("").length;
    const { stored: isStored } = page.note.transact((note) => note.getText("text").insert(at, word));
    isStored.then(
      () => stored.push(word),
      () => {},
    );
  };

  for (let step = 0; step < 60; step++) {
    const life = lives.length ? rng.pick(lives) : undefined;
    const what = rng.int(10);
    if (!life || (what === 0 && lives.length < maxPages)) await open(rng.chance(0.5));
    else if (what < 5) edit(life);
    else if (what === 5) {
      life.isOnline = !life.isOnline;
      if (life.isOnline) life.page.online();
      else life.page.offline();
    } else if (what === 6) {
      lives.splice(lives.indexOf(life), 1);
      life.die();
    }
    await world.advance(rng.pick([0, 1, 10, 100, 1000]));
  }
  for (const life of lives) {
    life.page.online();
    life.isOnline = true;
  }
  await open(true);
  await world.advance(120_000);

  const served = (await world.family.open({ id: "1" })).read((note) => note.getText("text").toString());
  const shown = served.split(";");
  const missing = [...stored, ...kept].filter((word) => !shown.includes(word.slice(0, -1)));
  const differing = lives.filter(({ page }) => page.text !== served);
  let problem: string | undefined;
  if (missing.length) problem = `acknowledged or kept, and not there: ${missing.join(" ")}`;
  else if (new Set(shown).size !== shown.length) problem = "a word that is there twice";
  else if (differing.length) problem = `shown: ${differing.map(({ page }) => page.text).join(" | ")}; served: ${served}`;
  else if (world.errors.length) problem = `errors: ${world.errors.map(({ error }) => String(error)).join("; ")}`;
  counts.clients += (lives[0] as Life).page.note.doc.store.clients.size;
  for (const life of lives) life.die();
  await world.advance(0);
  return { problem, ...counts };
}

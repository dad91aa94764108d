/**
 * Versions in a history: pages and the server make them, look at them, compare them and go back, and all that is remembered.
 *
 * Always: what a version holds when it is first looked at is what it holds for ever.
 * Rules: docs/protocol/doc-versions.md VDOC1, VDOC2, VDOC8, VDOC11.
 */
import { isSyncError } from "sente-sync";
import type { ClientDoc } from "sente-sync/doc";
import type { DocDiff, DocVersion, ServerDoc, VersionPolicy } from "sente-sync/doc/server";
import type { Rng } from "sente-sync/testing";
import * as Y from "yjs";
import { readEntry } from "../../src/kind/doc/authority.ts";
import { docOf } from "../doc/yjs.ts";
import { shownBy } from "./content.ts";
import type { DocModel } from "./history.ts";

export interface VersionPlan {
  readonly policy: VersionPolicy;
  /** Some go back, so that marks of edits are deleted. */
  readonly mayRestore: boolean;
  /** Versions may go: by the policy, or deleted. */
  readonly mayDrop: boolean;
}

export function drawVersions(rng: Rng): VersionPlan {
  const mayDrop = rng.chance(0.4);
  const policy = { ...(rng.chance(0.4) && { everyMs: rng.pick([500, 5000]) }), ...(mayDrop && { maxCount: rng.pick([2, 5]) }) };
  return { policy, mayDrop, mayRestore: rng.chance(0.5) };
}

interface Known {
  readonly shown: string;
  readonly text: string;
}

/** What becomes of what is asked while everything breaks. */
const refusals = ["closed", "read-only", "loading", "rate-limited", "session-lost", "gap", "timeout", "backpressure", "conflict"];

type Handle = Pick<ServerDoc["versions"], "create" | "preview" | "diff" | "delete">;

export class VersionBook {
  readonly #model: DocModel;
  readonly #plan: VersionPlan;
  /** By document and version. */
  readonly #known: Map<string, Map<string, Known>> = new Map();
  /** Made, as the server said. */
  readonly #made: Map<string, Set<string>> = new Map();
  readonly #restoring: Set<object> = new Set();
  #count = 0;

  constructor(model: DocModel, plan: VersionPlan) {
    this.#model = model;
    this.#plan = plan;
  }

  /** Something is made, or deleted. */
  change(id: string, target: ClientDoc | ServerDoc, rng: Rng): void {
    const { versions } = target;
    if (this.#plan.mayDrop && rng.chance(0.2)) {
      const old = this.#pick(id, rng);
      if (old !== undefined) this.#attempt(versions.delete(old));
      return;
    }
    const before = "updates" in target ? [...target.updates] : undefined;
    const stored = [...(this.#model.stored.get(id) ?? [])];
    this.#attempt(this.#make(id, versions, before, stored));
  }

  async #make(id: string, versions: Handle, before: readonly Uint8Array[] | undefined, stored: readonly string[]): Promise<void> {
    const { notes } = this.#model;
    const version = await versions.create(`v${++this.#count}`);
    notes.reached(before ? "a version made by the server" : "a version made by a page");
    entryOf(this.#made, id, () => new Set<string>()).add(version.id);
    const doc = await versions.preview(version.id);
    this.#saw(id, version.id, doc);
    for (const mark of stored) if (!hasMark(doc, mark)) notes.wrong(`${version.name} of ${id} lacks ${mark}, which was stored`);
    if (before && !isPrefix(before, doc)) notes.wrong(`${version.name} of ${id} is not what the server had`);
  }

  /** One is looked at, compared, or gone back to. */
  use(id: string, target: ClientDoc | ServerDoc, rng: Rng): void {
    const version = this.#pick(id, rng);
    if (version === undefined) return;
    const what = rng.pick(["look", "compare", ...(this.#plan.mayRestore ? ["restore"] : [])]);
    if (what === "look") this.#attempt(target.versions.preview(version).then((doc) => this.#saw(id, version, doc)));
    else if (what === "compare") this.#attempt(this.#compare(id, target.versions, version, this.#pick(id, rng) as string));
    else if (!this.#restoring.has(target)) this.#attempt(this.#restore(id, target, version));
  }

  async #compare(id: string, versions: Handle, from: string, to: string): Promise<void> {
    const diff = await versions.diff(from, to);
    const [before, after] = [this.#known.get(id)?.get(from), this.#known.get(id)?.get(to)] as [Known, Known];
    this.#model.notes.reached("two versions compared");
    if ((diff.length === 0) !== (before.shown === after.shown)) {
      this.#model.notes.wrong(`a difference of ${id} is ${JSON.stringify(diff)} from ${before.shown} to ${after.shown}`);
    }
    if (textOf(diff, before.text, "insert") !== before.text || textOf(diff, after.text, "delete") !== after.text) {
      this.#model.notes.wrong(`a difference of the text of ${id} tells of others: ${JSON.stringify(diff)}`);
    }
  }

  async #restore(id: string, target: ClientDoc | ServerDoc, version: string): Promise<void> {
    this.#restoring.add(target);
    const isPage = "undoManager" in target;
    const doc = isPage ? target.doc : target.read((own) => own);
    let last = "";
    const look = (transaction: Y.Transaction): void => {
      if (isPage ? transaction.local : transaction.origin === "server") last = shownBy(doc);
    };
    doc.on("afterTransaction", look);
    try {
      await target.versions.restore(version);
      // The document was made anew meanwhile, and the new one went back.
      if (last === "" || (isPage && doc !== target.doc)) return;
      this.#model.notes.reached(isPage ? "a page went back" : "the server went back");
      const shown = this.#known.get(id)?.get(version)?.shown;
      if (last !== shown) this.#model.notes.wrong(`went back in ${id} to ${last}\nand not to ${shown}`);
    } finally {
      doc.off("afterTransaction", look);
      this.#restoring.delete(target);
    }
  }

  /** Edits of others would be taken for the way back. */
  isRestoring(target: ClientDoc | ServerDoc): boolean {
    return this.#restoring.has(target);
  }

  hasMark(doc: Y.Doc, mark: string): boolean {
    return this.#plan.mayRestore ? hasMark(doc, mark) : doc.getMap("marks").has(mark);
  }

  /** When all is over: each version that is there holds what it held, and what the document was at some moment. */
  async judge(id: string, { versions }: ServerDoc, log: readonly unknown[] | undefined): Promise<void> {
    const list = await versions.list();
    const { maxCount = Number.POSITIVE_INFINITY } = this.#plan.policy;
    if (list.length > maxCount) this.#model.notes.wrong(`${id} has ${list.length} versions`);
    const docs: Y.Doc[] = [];
    for (const version of list) docs.push(await versions.preview(version.id));
    list.forEach((version, index) => this.#saw(id, version.id, docs[index] as Y.Doc));
    if (list.some(({ isAutomatic }) => isAutomatic)) this.#model.notes.reached("a version made by itself");
    for (const made of this.#plan.mayDrop ? [] : (this.#made.get(id) ?? [])) {
      if (!list.some((version) => version.id === made)) this.#model.notes.wrong(`a version of ${id} was made and is not listed`);
    }
    if (log) this.#judgeMoments(id, list, docs, log);
  }

  #judgeMoments(id: string, list: readonly DocVersion[], docs: readonly Y.Doc[], log: readonly unknown[]): void {
    const open = new Map(docs.map((doc, index) => [list[index] as DocVersion, { vector: vectorOf(doc), shown: shownBy(doc) }]));
    const past = docOf([]);
    for (const entry of [undefined, ...log]) {
      if (entry !== undefined) Y.applyUpdate(past, readEntry(entry));
      const vector = vectorOf(past);
      for (const [version, then] of open) if (vector === then.vector && shownBy(past) === then.shown) open.delete(version);
    }
    for (const [{ name }] of open) this.#model.notes.wrong(`${id} was never what its version ${name} says`);
    this.#model.notes.reached("versions found in the log", list.length);
  }

  #saw(id: string, version: string, doc: Y.Doc): void {
    const known = entryOf(this.#known, id, () => new Map<string, Known>());
    const shown = shownBy(doc);
    const before = known.get(version);
    if (!before) known.set(version, { shown, text: doc.getText("text").toString() });
    else if (before.shown !== shown) this.#model.notes.wrong(`a version of ${id} was ${before.shown}\nand is ${shown}`);
    else this.#model.notes.reached("a version looked at again");
  }

  #pick(id: string, rng: Rng): string | undefined {
    const known = this.#known.get(id);
    return known?.size ? rng.pick([...known.keys()]) : undefined;
  }

  #attempt(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      if (isSyncError(error) && refusals.includes(error.code)) return;
      if (isSyncError(error) && this.#plan.mayDrop && ["not-found", "deleted"].includes(error.code)) return;
      this.#model.notes.wrong(`versions: ${isSyncError(error) ? error.code : ""} ${(error as Error).stack}`);
    });
  }
}

function entryOf<V>(all: Map<string, V>, key: string, make: () => V): V {
  const known = all.get(key) ?? make();
  all.set(key, known);
  return known;
}

/** Deleted or not. */
function hasMark(doc: Y.Doc, mark: string): boolean {
  return doc.getMap("marks")._map.has(mark);
}

const vectorOf = (doc: Y.Doc): string =>
  JSON.stringify([...Y.decodeStateVector(Y.encodeStateVector(doc))].sort(([a], [b]) => a - b));

/** That document is the first so many of those updates. */
function isPrefix(updates: readonly Uint8Array[], doc: Y.Doc): boolean {
  const [vector, shown] = [vectorOf(doc), shownBy(doc)];
  for (let count = updates.length; count >= 0; count--) {
    const past = docOf(updates.slice(0, count));
    if (vectorOf(past) === vector) return shownBy(past) === shown || (count > 0 && isPrefix(updates.slice(0, count - 1), doc));
  }
  return false;
}

/** The text of one side, as a difference tells it: of all but what only the other has. */
function textOf(diff: DocDiff, otherwise: string, without: "insert" | "delete"): string {
  const text = diff.find((change) => "parts" in change && change.path.length === 1 && change.path[0] === "text");
  if (!text || !("parts" in text)) return otherwise;
  return text.parts.flatMap((part) => (part.op === without ? [] : [part.text ?? ""])).join("");
}

/**
 * What became of the writes of one shared state, and whether pages were shown that and nothing else. Each write has a tag of its own,
 * `page.life#count`; the state tells which tags are in it.
 *
 * Always: a tag is settled once; the first thing that is wrong is the first finding.
 * Rules: docs/reliability.md DURABLE1-DURABLE4, DURABLE12-DURABLE15.
 */
import { isSyncError } from "sente-sync";
import type { Receipt, ReceiptStatus } from "sente-sync/client";
import type { SimulatedClient, VirtualClock } from "sente-sync/testing";
import type { Notes } from "./notes.ts";

/** The server said no, and meant it; after the others the write may be there, or not. */
const definiteCodes = new Set(["read-only", "app/no", "stale", "backpressure"]);
const unknownCodes = new Set(["closed", "session-lost"]);

interface Fate {
  readonly tag: string;
  readonly receipt: Receipt;
  status: "open" | "stored" | "rejected" | "orphan";
  code?: string;
}

const days = 86_400_000;
/** How far off a page's clock may be. */
const skewsMs = [0, 0, -90_000, 90_000, -3 * 365 * days, 3 * 365 * days, -40 * days, 200 * days] as const;

export class StateChecker {
  readonly notes: Notes;
  isDamaged = false;
  readonly #fates = new Map<string, Fate>();
  /** By page, what its present life waits for, in its order. */
  readonly #open = new Map<string, Set<Fate>>();
  /** In the storage of a page when that ended: somebody has to finish them. */
  readonly #kept = new Set<string>();
  readonly #told = new Map<string, string>();
  readonly #pages = new Map<string, { readonly store: { readonly text: string } | undefined }>();

  constructor(notes: Notes, clock: VirtualClock) {
    this.notes = notes;
    const rng = clock.rng.fork("skews");
    for (let index = 0; index < 8; index++) clock.setClock(`client${index}`, { offsetMs: rng.pick(skewsMs) });
    clock.onCrash((node) => {
      const open = this.#open.get(node);
      if (!open) return;
      for (const fate of open) fate.status = "orphan";
      open.clear();
      const text = this.#pages.get(node)?.store?.text ?? "";
      for (const fate of this.#fates.values()) {
        if (!text.includes(`"${fate.tag}"`)) continue;
        this.#kept.add(fate.tag);
      }
    });
  }

  /** A page begins a life. */
  page(page: SimulatedClient<unknown>): void {
    this.#pages.set(page.name, page);
    this.#open.set(page.name, new Set());
  }

  /** Tags of what the page's present life has no answer for. */
  unanswered(page: string, ...statuses: readonly ReceiptStatus[]): string[] {
    // The page may be shown what became of it before this is told.
    const open = [...(this.#open.get(page) ?? [])].filter(({ receipt: { status } }) => statuses.includes(status));
    return open.map(({ tag }) => tag);
  }

  openCount(page: string): number {
    return this.#open.get(page)?.size ?? 0;
  }

  wrote(page: string, tag: string, receipt: Receipt): void {
    const fate: Fate = { tag, receipt, status: "open" };
    const open = this.#open.get(page) as Set<Fate>;
    this.#fates.set(tag, fate);
    if (receipt.status === "rejected") fate.status = "rejected";
    else open.add(fate);
    const settle = (status: "stored" | "rejected", code?: string): void => {
      if (fate.status === "orphan" && code !== "closed") this.notes.wrong(`${tag} was answered after its page's end`);
      if (fate.status === "orphan") return;
      open.delete(fate);
      fate.status = status;
      if (code === undefined) return;
      fate.code = code;
      if (!definiteCodes.has(code) && !unknownCodes.has(code)) this.notes.wrong(`${tag} was rejected with ${code}`);
      this.notes.reached(`a write rejected with ${code}`);
    };
    receipt.stored.then(
      () => settle("stored"),
      (error: unknown) => settle("rejected", isSyncError(error) ? error.code : String(error)),
    );
  }

  /** Told as rejected by whoever finished it. */
  refused(tag: string, code: string): void {
    const fate = this.#fates.get(tag);
    if (fate?.status !== "orphan") return;
    fate.code = code;
    this.notes.reached("a write that an earlier page left was rejected");
  }

  /** A page is shown a state with those tags in it. */
  shown(page: string, tags: Iterable<string>): void {
    this.notes.delivered++;
    for (const tag of tags) {
      const isOwn = tag.startsWith(`${page}.`);
      if (!isOwn) this.#told.set(tag, page);
      else if (this.#fates.get(tag)?.status === "orphan") this.notes.reached("a write of an earlier page shown by the next");
    }
  }

  /** The disk lost what it had said was synced: whatever was told of it may be gone. */
  damage(): void {
    this.isDamaged = true;
    this.notes.reached("a disk that lost what it had synced");
  }

  /** `tags`: those in the log, each as often as it is there. */
  judge(tags: readonly string[]): void {
    const times = new Map<string, number>();
    for (const tag of tags) times.set(tag, (times.get(tag) ?? 0) + 1);
    for (const [tag, count] of times) {
      if (!this.#fates.has(tag)) this.notes.wrong(`the log has ${tag}, which nobody wrote`);
      if (count > 1) this.notes.wrong(`the log has ${tag} ${count} times`);
    }
    for (const { tag, status, code } of this.#fates.values()) {
      const isThere = times.has(tag);
      if (status === "open") this.notes.wrong(`${tag} was never answered`);
      if (status === "stored") this.notes.stored++;
      if (this.isDamaged) continue;
      if (status === "stored" && !isThere) this.notes.wrong(`${tag} is acknowledged, and not in the log`);
      if (code !== undefined && definiteCodes.has(code) && isThere) {
        // The page died before its storage was told, and the server before its log was: so it was sent again, and was new.
        if (this.#kept.has(tag)) this.notes.reached("a rejection that nobody lived to keep");
        else this.notes.wrong(`${tag} was rejected with ${code}, and is in the log`);
      }
      if (this.#kept.has(tag) && !isThere && code === undefined)
        this.notes.wrong(`${tag} was kept when its page ended, and nobody finished it`);
      if (this.#kept.has(tag) && isThere) this.notes.reached("a write of a page that was gone finished by the next");
    }
    for (const [tag, page] of this.isDamaged ? [] : this.#told)
      if (!times.has(tag)) this.notes.wrong(`${page} was shown ${tag}, which is not stored`);
  }
}

/** A rare state. */
export const copyShown = "a page that showed what an earlier one had read";

/** How far a page's clock jumps. */
export const clockJumpsMs: readonly number[] = [...skewsMs.slice(2), -10_000, 30_000];

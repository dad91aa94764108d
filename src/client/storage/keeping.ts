/**
 * One topic and the copy that this device has of it: shown before the server has said anything, and brought up to what the server says.
 *
 * The subscription waits until the copy is here, while there is a line for at most `waitMs`; then it goes on from the copy's position, or
 * without it.
 * Always: what is shown from here is this user's; where the server says that it may not be read, it is neither shown nor kept any more.
 * Rules: docs/protocol/copies.md COPY1-COPY8.
 */
import type { Timer } from "../../core/env.ts";
import { isSyncError } from "../../core/errors.ts";
import type { KindCore } from "../client.ts";
import type { Held } from "../held.ts";
import { type Copied, Copy, type CopyFormat, type Stretch } from "./copy.ts";
import type { Shelf } from "./shelf.ts";
import type { OpenOutboxStore } from "./store.ts";

/** With a line, a subscription waits for the copy for so long. */
const waitMs = 1000;
/** What is read before there is a copy waits for it; where more does, it is not kept. */
const maxEarly = 100;

/** The topic, as its kind has it. */
export interface KeepingHost {
  readonly core: KindCore;
  readonly shelf: Shelf;
  readonly held: Held;
  readonly format: CopyFormat;
  /** Something is shown, of the server or of this device. */
  readonly isShown: boolean;
  /** Fills the replica; false: the copy cannot be read. */
  show(copied: Copied): boolean;
  /** Somebody else is here: what is shown goes, and the topic is read anew. */
  startOver(): void;
  /** The store is open, for that user. */
  opened?(store: OpenOutboxStore, owner: string): void;
  /** What was in it is shown, if anything. */
  loaded?(): void;
  /** The user or the client has ended. */
  ended?(): void;
}

export interface Keeping {
  /** The server sent that. */
  took(stretch: Stretch): void;
}

export function createKeeping(host: KeepingHost): Keeping {
  const { core, shelf, held, format } = host;
  const { env } = core;
  /** Whose copy it is. */
  let owner: string | undefined;
  let copy: Copy | undefined;
  let early: (readonly [epoch: string, stretch: Stretch])[] = [];
  let timer: Timer | undefined;

  /** The subscription goes on. */
  const proceed = (): void => {
    if (timer !== undefined) env.clearTimer(timer);
    timer = undefined;
    if (!held.isWaiting) return;
    held.isWaiting = false;
    held.use(held.status.get() !== "idle")();
  };
  const proceedSoon = (): void => {
    if (held.isWaiting) timer ??= env.setTimer(proceed, waitMs);
  };

  const open = async (whose: string): Promise<void> => {
    owner = whose;
    if (core.facts.welcome) proceedSoon();
    // Where it fails, its outbox says so.
    const store = await shelf.opening.catch(() => undefined);
    if (owner !== whose) return;
    if (store && !shelf.isOver) await openIn(store, whose);
    proceed();
  };

  const openIn = async (store: OpenOutboxStore, whose: string): Promise<void> => {
    host.opened?.(store, whose);
    if (shelf.keeps(format.topic, format.kind)) {
      const opened = new Copy(core, shelf, store, format, whose);
      copy = opened;
      for (const each of early) opened.add(...each);
      early = [];
      const copied = held.isWaiting ? await opened.load() : undefined;
      if (copy !== opened) return;
      if (copied && held.isWaiting) {
        if (host.show(copied)) held.begin(copied.epoch, copied.offset);
        else opened.damaged();
      }
    }
    host.loaded?.();
  };

  const end = (isAnothers: boolean): void => {
    if (copy) shelf.finish(copy.end(isAnothers));
    owner = copy = undefined;
    early = [];
    host.ended?.();
  };

  /** Nothing is known of what the server has. */
  held.isWaiting = held.next === 0;
  if (shelf.owner !== undefined) void open(shelf.owner);

  held.status.listen((status) => {
    // One that may only not be written has its value still.
    const isGone = status === "deleted" || (status === "refused" && isSyncError(held.error, "forbidden"));
    if (isGone && held.next === 0) copy?.forget();
  });
  core.join({
    receive: () => false,
    welcomed() {
      const before = owner;
      const now = shelf.owner;
      if (now === undefined || now === before) return proceedSoon();
      // Topics may be named before users are: what was read last may be what somebody else reads.
      end(true);
      if (before !== undefined && host.isShown) host.startOver();
      void open(now);
    },
    lost(isOver) {
      if (!isOver) return;
      proceed();
      end(false);
    },
  });

  return {
    took(stretch) {
      const { epoch } = held;
      if (epoch === null || !(stretch.base || stretch.entries.length)) return;
      if (copy) copy.add(epoch, stretch);
      else if (early.push([epoch, stretch]) > maxEarly) early = [];
    },
  };
}

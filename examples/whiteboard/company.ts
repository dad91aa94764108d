/**
 * Who else is at the board: where they point, what they are drawing, what they see; and the same of this window, told to them.
 *
 * Always: nothing of it is in the tree; it goes when its window does.
 */
import { type Client, type Pointers, pointers as pointersOf, presence } from "sente-sync/client";
import { type Color, type Ink, type Person, people } from "./contract.ts";
import { type Box, rounded } from "./geometry.ts";
import { createInks, type LiveInk, tellInk } from "./ink.ts";
import type { Scene } from "./scene.ts";

const inkEveryMs = 50;

/** A stroke that is being drawn here. */
export interface OwnInk {
  readonly id: string;
  readonly color: Color;
  readonly points: readonly number[];
}

export interface Company {
  readonly pointers: Pointers<Person>;
  /** Strokes that the others are drawing. */
  inks(): readonly LiveInk[];
  isHere(id: string): boolean;
  /** What that member sees; undefined where it is not here. */
  viewOf(id: string): Box | undefined;
  tellInk(ink: OwnInk): void;
  /** It is not drawn after all. */
  dropInk(id: string): void;
  tellView(view: Box): void;
  close(): void;
}

export function joinCompany(client: Client, boardId: string, name: string, scene: Scene, changed: () => void): Company {
  // #region join
  const room = presence(client, people({ id: boardId }), { name, cursor: null, view: null });
  const pointers = pointersOf(client, people({ id: boardId }));
  // #endregion
  const inks = createInks();
  let inkAtMs = 0;
  let told = "";
  const member = (id: string) => room.others.get().find((each) => each.id === id);

  const ends = [
    // #region hear
    room.on("ink", ({ data, from }) => {
      if (!from || scene.get(data.id)) return; // it is on the board already
      inks.heard(from.id, data, performance.now());
      changed();
    }),
    // #endregion
    room.others.listen(changed),
    pointers.listen(changed),
  ];
  const broadcast = (ink: Ink, lossy: boolean): void => void room.broadcast("ink", ink, { lossy });

  return {
    pointers,
    inks() {
      const now = performance.now();
      inks.keep((ink) => !scene.get(ink.id) && member(ink.by) !== undefined, now);
      return inks.all;
    },
    isHere: (id) => member(id) !== undefined,
    viewOf: (id) => member(id)?.data.view ?? undefined,
    // #region tell
    tellInk({ id, color, points }) {
      if (performance.now() - inkAtMs < inkEveryMs) return;
      inkAtMs = performance.now();
      broadcast(tellInk(id, color, points), true); // may be lost: the next one says it again
    },
    // #endregion
    dropInk: (id) => broadcast({ id, color: "ink", from: 0, points: [] }, false),
    tellView(view) {
      const next = rounded(view);
      if (String(next) === told) return;
      told = String(next);
      room.set({ view: next });
    },
    close() {
      for (const end of ends) end();
      room.close();
    },
  };
}

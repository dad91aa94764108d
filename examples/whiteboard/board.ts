/**
 * One board in a window: its state for the buttons around it, and what they do. React and Svelte draw the buttons; the board itself is
 * drawn by stage.ts.
 *
 * Always: nothing of the window's own state is in the shared tree.
 */
import type { Client, Readable } from "sente-sync/client";
import { type Cell, createCell } from "./cell.ts";
import type { Color, Shape } from "./contract.ts";
import { measureWithCanvas, save, toPng, toSvg } from "./export.ts";
import { createScene, type Scene } from "./scene.ts";
import { inWords } from "./shapes.ts";
import { mountStage, type Stage } from "./stage.ts";
import type { Tool } from "./tools.ts";
import { createWrites, type Writes } from "./writes.ts";

export interface BoardState {
  readonly tool: Tool;
  readonly color: Color;
  /** How many are. */
  readonly selected: number;
  readonly shapes: number;
  /** In percent. */
  readonly zoom: number;
  readonly canUndo: boolean;
  readonly canRedo: boolean;
  /** Id of the member whose view this window follows. */
  readonly following: string | undefined;
  /** For who cannot see the board. */
  readonly said: string;
  readonly isLoading: boolean;
}

export interface Whiteboard {
  readonly state: Readable<BoardState>;
  /** Joins the board and shows it in that element, until called back. */
  mount(element: HTMLElement): () => void;
  choose(tool: Tool): void;
  /** What is selected, and what is drawn next. */
  paint(color: Color): void;
  undo(): void;
  redo(): void;
  remove(): void;
  zoomBy(factor: number): void;
  /** Everything that there is. */
  showAll(): void;
  /** Nobody: this window goes its own way. */
  follow(id: string | undefined): void;
  saveSvg(): void;
  savePng(): Promise<void>;
}

/** What the stage works with. */
export interface Board extends Whiteboard {
  readonly client: Client;
  readonly id: string;
  readonly name: string;
  readonly scene: Scene;
  readonly writes: Writes;
  readonly state: Cell<BoardState>;
  readonly selected: ReadonlySet<string>;
  select(ids: Iterable<string>): void;
}

const firstState: BoardState = {
  tool: "pen",
  color: "ink",
  selected: 0,
  shapes: 0,
  zoom: 100,
  canUndo: false,
  canRedo: false,
  following: undefined,
  said: "",
  isLoading: true,
};

export function createWhiteboard(client: Client, id: string, name: string): Whiteboard {
  const state = createCell(firstState);
  const scene = createScene();
  const writes = createWrites(client, id, scene);
  let selected: ReadonlySet<string> = new Set();
  let stage: Stage | undefined;
  const shapes = (): readonly Shape[] => scene.all.map(({ shape }) => shape);

  // #region undo
  const takeBack = (which: "undo" | "redo"): void => {
    const done = writes.tree[which](); // this person's last step, and nobody else's work
    if (!done) return;
    const skipped = done.skipped.length;
    const said = which === "undo" ? "Undone" : "Done again";
    state.set({ said: skipped ? `${said}, but for what somebody else has changed since` : said });
  };
  // #endregion

  const board: Board = {
    client,
    id,
    name,
    scene,
    writes,
    state,
    get selected() {
      return selected;
    },
    select(ids) {
      selected = new Set(ids);
      const [first] = selected;
      const shape = first === undefined ? undefined : scene.get(first);
      const said = selected.size > 1 ? `${selected.size} selected` : shape ? `${inWords(shape)}, selected` : "";
      state.set({ selected: selected.size, said });
      stage?.wake();
    },
    mount(element) {
      const mounted = mountStage(board, element);
      stage = mounted;
      return () => {
        mounted.close();
        stage = undefined;
      };
    },
    choose(tool) {
      if (tool !== "select") board.select([]);
      state.set({ tool });
    },
    paint(color) {
      state.set({ color });
      if (selected.size) writes.change(selected, (shape) => void (shape.color = color));
    },
    undo: () => takeBack("undo"),
    redo: () => takeBack("redo"),
    remove() {
      if (selected.size) writes.remove(selected);
      board.select([]);
    },
    zoomBy: (factor) => stage?.zoomBy(factor),
    showAll: () => stage?.showAll(),
    follow(following) {
      state.set({ following });
      stage?.wake();
    },
    saveSvg: () => save("whiteboard.svg", new Blob([toSvg(shapes(), measureWithCanvas())], { type: "image/svg+xml" })),
    savePng: async () => save("whiteboard.png", await toPng(shapes())),
  };
  return board;
}

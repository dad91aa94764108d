/**
 * The element that a board is drawn on and drawn in.
 *
 * What comes from the line, from the pointer and from whom this window follows is gathered, and taken over once in a frame; a frame is
 * asked for only while something changes.
 * Always: what is drawn here is on the screen in the next frame, line or no line.
 */
import type { Board } from "./board.ts";
import { type Camera, createCamera } from "./camera.ts";
import { joinCompany, type OwnInk } from "./company.ts";
import type { Box, Shape } from "./contract.ts";
import { createCursors } from "./cursors.ts";
import { dark, drawFrame, drawInk, drawShape, light } from "./draw.ts";
import { createEditor } from "./editor.ts";
import { createHands } from "./hands.ts";
import { createPainter } from "./painter.ts";
import { type Desk, selectionBox } from "./tools.ts";
import { createWriting } from "./writing.ts";

export interface Stage extends Pick<Camera, "zoomBy" | "showAll"> {
  /** Something of the window's own state changed. */
  wake(): void;
  close(): void;
}

/** Pixels from a shape that are still on it. */
const nearPixels = 8;
const maxRatio = 2;

export function mountStage(board: Board, element: HTMLElement): Stage {
  const { scene, state, writes } = board;
  const { tree } = writes;
  const canvases = [document.createElement("canvas"), document.createElement("canvas")] as const;
  const layer = document.createElement("div");
  layer.className = "cursors";
  element.append(...canvases, layer);
  element.tabIndex = 0; // keys of its own
  const isDark = matchMedia("(prefers-color-scheme: dark)");
  const painter = createPainter(scene, ...canvases, isDark.matches ? dark : light);
  const cursors = createCursors(layer);

  let preview: Shape | undefined;
  let marquee: Box | undefined;
  let own: OwnInk | undefined;
  let isTreeNew = true;
  let frame = 0;
  const ask = (): void => {
    frame ||= requestAnimationFrame(draw);
  };
  const company = joinCompany(board.client, board.id, board.name, scene, ask);
  const camera = createCamera(board, element, company, ask);

  // #region take
  /** What is new in the tree, once a frame. */
  const takeTree = (): void => {
    isTreeNew = false;
    const drawing = tree.get();
    painter.mark(scene.update(drawing?.shapes ?? {}));
    const isFirst = drawing !== undefined && state.get().isLoading;
    state.set({ shapes: scene.all.length, isLoading: drawing === undefined });
    const left = [...board.selected].filter((id) => scene.get(id));
    if (left.length < board.selected.size) board.select(left);
    if (isFirst) camera.showAll();
  };
  // #endregion

  const desk: Desk = {
    scene,
    get color() {
      return state.get().color;
    },
    get selected() {
      return board.selected;
    },
    get near() {
      return nearPixels / camera.view.zoom;
    },
    newId: () => crypto.randomUUID(),
    front: writes.front,
    select: board.select,
    preview: (shape) => void (preview = shape),
    marquee: (box) => void (marquee = box),
    draw(id, points) {
      own = points.length ? { id, color: state.get().color, points: [...points] } : undefined;
      if (!own) company.dropInk(id);
    },
    add(id, shape) {
      own = undefined;
      writes.add(id, shape);
      if (shape.kind !== "stroke") state.set({ tool: "select" });
      takeTree();
    },
    place: writes.place,
    write: (id, shape) => writeInto(id, shape),
  };
  const editor = createEditor(element, ask);
  const writeInto = createWriting(desk, writes, editor);
  const hands = createHands(board, element, camera, company, desk, ask);

  /** What is on nobody's board yet, and what is nobody else's business. */
  const drawAbove = (context: CanvasRenderingContext2D): void => {
    const { theme } = painter;
    for (const { points, color } of company.inks()) drawInk(context, points, theme.pen[color]);
    if (own) drawInk(context, own.points, theme.pen[own.color]);
    if (preview) drawShape(context, preview, theme);
    const around = selectionBox(scene, board.selected);
    if (around && !editor.isOpen) drawFrame(context, around, theme, 1 / camera.view.zoom);
    if (!marquee) return;
    context.fillStyle = theme.accent;
    context.globalAlpha = 0.15;
    context.fillRect(...marquee);
    context.globalAlpha = 1;
  };

  // #region frame
  const draw = (nowMs: number): void => {
    frame = 0;
    hands.takeMoves();
    if (isTreeNew) takeTree();
    if (own) company.tellInk(own);
    const isOnTheWay = camera.followOn();
    const { view } = camera;
    const isLeft = painter.frame(view, drawAbove, nowMs);
    cursors.show(company.pointers.get(), view);
    editor.place(view, painter.theme);
    if (isLeft || isOnTheWay || own || company.pointers.isMoving || company.inks().length) ask();
  };
  // #endregion

  const recolour = (): void => {
    painter.theme = isDark.matches ? dark : light;
    ask();
  };
  isDark.addEventListener("change", recolour);
  const sizes = new ResizeObserver(() => {
    const size = { width: Math.max(1, element.clientWidth), height: Math.max(1, element.clientHeight) };
    painter.resize(size, Math.min(maxRatio, devicePixelRatio));
    camera.resize(size);
  });
  sizes.observe(element);
  const ends = [
    tree.subscribe(() => {
      isTreeNew = true;
      ask();
    }),
    tree.history.canUndo.subscribe((canUndo) => state.set({ canUndo })),
    tree.history.canRedo.subscribe((canRedo) => state.set({ canRedo })),
  ];

  return {
    wake: ask,
    zoomBy: camera.zoomBy,
    showAll: camera.showAll,
    close() {
      editor.close();
      for (const end of ends) end();
      hands.close();
      company.close();
      sizes.disconnect();
      isDark.removeEventListener("change", recolour);
      cancelAnimationFrame(frame);
      element.replaceChildren();
    },
  };
}

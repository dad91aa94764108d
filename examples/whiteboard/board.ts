/**
 * One board in a window: the shared tree, the room of who is here, and the element that they are shown on. React and Svelte draw the
 * buttons around it.
 *
 * What comes from the line, from the pointer and from whom this window follows is gathered, and taken over once in a frame; a frame is
 * asked for only while something changes.
 * Always: what is drawn here is on the screen at once, line or no line; nothing of the window's state is in the tree.
 */
import { orderBetween } from "sente-sync";
import { type Client, pointers as pointersOf, presence, type Readable, shared } from "sente-sync/client";
import { createCell } from "./cell.ts";
import { type Color, colors, type Drawing, type Ink, people, type Person, type Shape, whiteboard } from "./contract.ts";
import { createCursors } from "./cursors.ts";
import { dark, drawFrame, drawInk, drawShape, light } from "./draw.ts";
import { createEditor, fitText } from "./editor.ts";
import { measureWithCanvas, save, toPng, toSvg } from "./export.ts";
import { type Box, moved, type Point, rounded } from "./geometry.ts";
import { createInks, tellInk } from "./ink.ts";
import { listenToPointers } from "./input.ts";
import { listenToKeys } from "./keys.ts";
import { createPainter } from "./painter.ts";
import { createScene, type Item } from "./scene.ts";
import { inWords, isWritten, type Written } from "./shapes.ts";
import { begin, boxesOf, type Desk, type Gesture, selectionBox, type Tool, writtenAt, written } from "./tools.ts";
import { panned, showing, shownIn, type Size, toPlane, towards, type View, zoomed } from "./view.ts";

export interface BoardState {
  readonly tool: Tool;
  readonly color: Color;
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
  mount(stage: HTMLElement): () => void;
  choose(tool: Tool): void;
  /** Of what is selected, and of what is drawn next. */
  paint(color: Color): void;
  undo(): void;
  redo(): void;
  remove(): void;
  zoomBy(factor: number): void;
  /** Everything that there is. */
  fit(): void;
  /** Nobody: this window goes its own way. */
  follow(id: string | undefined): void;
  saveSvg(): void;
  savePng(): Promise<void>;
}

const inkEveryMs = 50;
/** What is dragged is written that often. */
const dragEveryMs = 60;

export function createWhiteboard(client: Client, id: string, name: string): Whiteboard {
  // #region state
  const tree = shared(client, whiteboard({ id }));
  const dragged = shared(client, whiteboard({ id }), { coalesceMs: dragEveryMs });
  const scene = createScene();
  // #endregion
  const cell = createCell<BoardState>({
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
  });
  let selected: ReadonlySet<string> = new Set();
  let onMounted: { wake(): void; center(): Point; act(): void; zoomBy(factor: number): void; fit(): void; cancel(): boolean } | undefined;
  const wake = (): void => onMounted?.wake();

  const select = (ids: Iterable<string>): void => {
    selected = new Set(ids);
    const [first] = selected;
    const shape = first === undefined ? undefined : scene.get(first);
    const said = selected.size > 1 ? `${selected.size} selected` : shape ? `${inWords(shape)}, selected` : "";
    cell.set({ selected: selected.size, said });
    wake();
  };
  const items = (): readonly Item[] => scene.all;
  const front = (): string => orderBetween(items().at(-1)?.shape.order ?? null, null);

  // #region writes
  const add = (shapeId: string, shape: Shape): void => void tree.set(["shapes", shapeId], shape);

  /** What somebody else deleted meanwhile stays deleted. */
  const change = (ids: Iterable<string>, how: (shape: Shape) => void, group?: string): void => {
    const apply = (draft: Drawing): void => {
      for (const each of ids) if (draft.shapes[each]) how(draft.shapes[each]);
    };
    tree.update(apply, group === undefined ? {} : { group });
  };
  const place = (boxes: ReadonlyMap<string, Box>, group: string): void => {
    const apply = (draft: Drawing): void => {
      for (const [each, box] of boxes) if (draft.shapes[each]) draft.shapes[each].box = box;
    };
    dragged.update(apply, { group });
  };
  const remove = (): void => {
    const gone = selected;
    tree.update((draft) => {
      for (const each of gone) delete draft.shapes[each];
    });
    select([]);
  };
  // #endregion
  let nudged = { at: 0, group: "" };
  const nudge = (dx: number, dy: number): void => {
    // Key after key is one step.
    if (performance.now() - nudged.at > 800) nudged = { at: 0, group: `nudge ${crypto.randomUUID()}` };
    nudged.at = performance.now();
    const boxes = [...boxesOf(scene, selected)].map(([each, box]) => [each, rounded(moved(box, dx, dy))] as const);
    if (boxes.length) place(new Map(boxes), nudged.group);
  };
  const raise = (isUp: boolean): void => {
    const chosen = items().filter((item) => selected.has(item.id));
    const orders = new Map<string, string>();
    let [last, first] = [items().at(-1)?.shape.order ?? null, items()[0]?.shape.order ?? null];
    for (const item of isUp ? chosen : chosen.toReversed()) {
      const order = isUp ? orderBetween(last, null) : orderBetween(null, first);
      orders.set(item.id, order);
      if (isUp) last = order;
      else first = order;
    }
    tree.update((draft) => {
      for (const [each, order] of orders) if (draft.shapes[each]) draft.shapes[each].order = order;
    });
  };
  const step = (by: 1 | -1): void => {
    const at = items().findIndex((item) => selected.has(item.id));
    const next = items().at(at < 0 ? (by > 0 ? 0 : -1) : (at + by) % items().length);
    if (next) select([next.id]);
  };
  const takeBack = (which: "undo" | "redo"): void => {
    const done = tree[which]();
    const skipped = done?.skipped.length ?? 0;
    if (done) cell.set({ said: skipped ? `Somebody else has changed ${skipped} of that since` : which === "undo" ? "Undone" : "Done again" });
  };

  const api: Whiteboard = {
    state: cell,
    choose(tool) {
      cell.set({ tool });
      if (tool !== "select") select([]);
    },
    paint(color) {
      cell.set({ color });
      if (selected.size) change(selected, (shape) => void (shape.color = color));
    },
    undo: () => takeBack("undo"),
    redo: () => takeBack("redo"),
    remove,
    zoomBy: (factor) => onMounted?.zoomBy(factor),
    fit: () => onMounted?.fit(),
    follow(following) {
      cell.set({ following });
      wake();
    },
    saveSvg() {
      const svg = toSvg(items().map(({ shape }) => shape), measureWithCanvas());
      save("whiteboard.svg", new Blob([svg], { type: "image/svg+xml" }));
    },
    savePng: async () => save("whiteboard.png", await toPng(items().map(({ shape }) => shape))),
    mount,
  };

  function mount(stage: HTMLElement): () => void {
    const canvases = [document.createElement("canvas"), document.createElement("canvas")] as const;
    const layer = document.createElement("div");
    layer.className = "cursors";
    stage.append(...canvases, layer);
    const isDark = matchMedia("(prefers-color-scheme: dark)");
    const isCalm = matchMedia("(prefers-reduced-motion: reduce)");
    const painter = createPainter(scene, ...canvases, isDark.matches ? dark : light);
    const cursors = createCursors(layer);
    const inks = createInks();

    // #region join
    const room = presence(client, people({ id }), { name, cursor: null, view: null });
    const pointers = pointersOf(client, people({ id }));
    // #endregion

    let view: View = { x: 0, y: 0, zoom: 1 };
    let size: Size = { width: 1, height: 1 };
    let preview: Shape | undefined;
    let marquee: Box | undefined;
    let own: { readonly id: string; readonly points: readonly number[] } | undefined;
    let inkAtMs = 0;
    let gesture: Gesture | undefined;
    let moves: Point[] = [];
    let isShift = false;
    let isHeld = false;
    let isTreeNew = true;
    let toldView = "";
    let frame = 0;
    const ask = (): void => {
      frame ||= requestAnimationFrame(draw);
    };

    const setView = (next: View): void => {
      if (next === view) return;
      view = next;
      const step = 24 * view.zoom * (view.zoom < 0.5 ? 4 : 1);
      stage.style.backgroundSize = `${step}px ${step}px`;
      stage.style.backgroundPosition = `${-view.x * view.zoom}px ${-view.y * view.zoom}px`;
      cell.set({ zoom: Math.round(view.zoom * 100) });
      ask();
    };
    /** By hand: this window follows nobody any more. */
    const go = (next: View): void => {
      if (cell.get().following !== undefined) cell.set({ following: undefined });
      setView(next);
    };

    // #region follow
    /** A step towards what the person whom this window follows sees; true while there is some way to go. */
    const followOn = (): boolean => {
      const { following } = cell.get();
      if (following === undefined) return false;
      const member = room.others.get().find((each) => each.id === following);
      if (!member) cell.set({ following: undefined });
      if (!member?.data.view) return false;
      const to = showing(member.data.view, size);
      const next = isCalm.matches ? to : towards(view, to, 0.2);
      setView(next);
      return next !== to;
    };
    const tellView = (): void => {
      const { following } = cell.get();
      // Who follows is where the one before is: so nobody chases anybody in a ring.
      const followed = room.others.get().find((each) => each.id === following)?.data.view;
      const shown = followed ?? rounded(shownIn(view, size));
      if (String(shown) === toldView) return;
      toldView = String(shown);
      room.set({ view: shown });
    };
    // #endregion

    // #region ink
    const tellStroke = (): void => {
      if (!own || performance.now() - inkAtMs < inkEveryMs) return;
      inkAtMs = performance.now();
      room.broadcast("ink", tellInk(own.id, cell.get().color, own.points), { lossy: true });
    };
    const stopInk = room.on("ink", ({ data, from }) => {
      if (!from || scene.get(data.id)) return; // it is on the board already
      inks.heard(from.id, data, performance.now());
      ask();
    });
    // #endregion

    const desk: Desk = {
      scene,
      get color() {
        return cell.get().color;
      },
      get selected() {
        return selected;
      },
      get near() {
        return 8 / view.zoom;
      },
      newId: () => crypto.randomUUID(),
      front,
      select,
      preview: (shape) => void (preview = shape),
      marquee: (box) => void (marquee = box),
      draw(inkId, points) {
        own = points.length ? { id: inkId, points: [...points] } : undefined;
        if (!own) room.broadcast("ink", { ...tellInk(inkId, "ink", []), points: [] });
      },
      add(shapeId, shape) {
        own = undefined;
        add(shapeId, shape);
        const isTool = shape.kind === "stroke";
        if (!isTool) cell.set({ tool: "select" });
        takeTree();
      },
      place,
      write: (shapeId, shape) => writeInto(shapeId, shape),
    };

    const editor = createEditor(stage, ask);
    const measure = measureWithCanvas();
    const writeInto = (shapeId: string, shape: Written): void => {
      editor.open(shape, (text) => {
        if (scene.get(shapeId)) {
          if (text === shape.text) return;
          if (text) change([shapeId], (each) => isWritten(each) && Object.assign(each, { text, box: fitText(shape, text, measure) }));
          else {
            select([shapeId]);
            remove();
          }
        } else if (text) {
          add(shapeId, { ...shape, text, box: fitText(shape, text, measure) });
          takeTree();
          cell.set({ tool: "select" });
          select([shapeId]);
        }
        ask();
      });
    };

    // #region take
    /** What is new in the tree, once a frame. */
    const takeTree = (): void => {
      isTreeNew = false;
      const drawing = tree.get();
      painter.mark(scene.update(drawing?.shapes ?? {}));
      const gone = [...selected].some((each) => !scene.get(each));
      if (gone) select([...selected].filter((each) => scene.get(each)));
      const isFirst = drawing && cell.get().isLoading;
      cell.set({ shapes: items().length, isLoading: drawing === undefined });
      if (isFirst) fit();
    };
    // #endregion
    const takeMoves = (): void => {
      const due = moves;
      moves = [];
      // Only a pen has use for where it was on its way.
      const points = cell.get().tool === "pen" ? due : due.slice(-1);
      for (const point of points) gesture?.move(toPlane(view, point), { shift: isShift });
    };
    const above = (context: CanvasRenderingContext2D): void => {
      const { theme } = painter;
      for (const { points, color } of inks.all) drawInk(context, points, theme.pen[color]);
      if (own) drawInk(context, own.points, theme.pen[cell.get().color]);
      if (preview) drawShape(context, preview, theme);
      const around = selectionBox(scene, selected);
      const pixel = 1 / view.zoom;
      if (around && !editor.isOpen) drawFrame(context, around, theme, pixel);
      if (!marquee) return;
      context.lineWidth = pixel;
      context.strokeStyle = context.fillStyle = theme.accent;
      context.globalAlpha = 0.12;
      context.fillRect(...marquee);
      context.globalAlpha = 1;
      context.strokeRect(...marquee);
    };

    // #region frame
    const draw = (nowMs: number): void => {
      frame = 0;
      takeMoves();
      if (isTreeNew) takeTree();
      const isOnTheWay = followOn();
      inks.keep((ink) => !scene.get(ink.id) && room.member(ink.by).get() !== undefined, performance.now());
      tellStroke();
      tellView();
      const isLeft = painter.frame(view, above, nowMs);
      cursors.show(pointers.get(), view);
      editor.place(view, painter.theme);
      if (isLeft || isOnTheWay || pointers.isMoving || inks.all.length || own) ask();
    };
    // #endregion

    const cancel = (): boolean => {
      const had = gesture;
      gesture = undefined;
      moves = [];
      had?.cancel();
      ask();
      return had !== undefined;
    };
    const middle = (): Point => ({ x: size.width / 2, y: size.height / 2 });
    const fit = (): void => {
      const bounds = scene.bounds();
      go(bounds ? showing(bounds, size, 40, 1) : { x: 0, y: 0, zoom: 1 });
    };
    const act = (): void => {
      const [first] = selected;
      const shape = first === undefined ? undefined : scene.get(first);
      if (first !== undefined && isWritten(shape)) return writeInto(first, shape);
      const { tool } = cell.get();
      if (tool === "text" || tool === "note") return writeInto(desk.newId(), written(tool, desk, toPlane(view, middle())));
      if (tool === "rectangle" || tool === "ellipse") begin(tool, desk, toPlane(view, middle()), { shift: false }).end();
    };
    onMounted = {
      wake: ask,
      center: middle,
      act,
      zoomBy: (factor) => go(zoomed(view, middle(), factor)),
      fit,
      cancel,
    };

    const ends = [
      listenToPointers(stage, {
        get isPanning() {
          return isHeld || cell.get().tool === "hand";
        },
        down(at, { shiftKey }) {
          editor.close();
          gesture = begin(cell.get().tool, desk, toPlane(view, at), { shift: shiftKey });
          ask();
        },
        move(points, { shiftKey }) {
          isShift = shiftKey;
          moves.push(...points);
          ask();
        },
        up() {
          takeMoves();
          const done = gesture;
          gesture = undefined;
          done?.end();
          ask();
        },
        cancel,
        hover(at) {
          const { x, y } = toPlane(view, at);
          pointers.move(Math.round(x), Math.round(y));
        },
        leave: () => pointers.leave(),
        pan: (dx, dy) => go(panned(view, dx, dy)),
        zoom: (at, factor) => go(zoomed(view, at, factor)),
        open(at) {
          const found = cell.get().tool === "select" ? writtenAt(scene, toPlane(view, at), desk.near) : undefined;
          if (found) writeInto(found.id, found.shape);
        },
      }),
      listenToKeys(stage.closest<HTMLElement>(".whiteboard") ?? stage, stage, {
        ...api,
        act,
        fit,
        nudge,
        raise,
        selectAll() {
          cell.set({ tool: "select" });
          select(items().map((item) => item.id));
        },
        selectNext(by) {
          cell.set({ tool: "select" });
          step(by);
        },
        escape() {
          if (!cancel()) select([]);
        },
        hold(isDown) {
          isHeld = isDown;
          stage.classList.toggle("panning", isDown);
        },
      }),
      tree.subscribe(() => {
        isTreeNew = true;
        ask();
      }),
      tree.history.canUndo.subscribe((canUndo) => cell.set({ canUndo })),
      tree.history.canRedo.subscribe((canRedo) => cell.set({ canRedo })),
      room.others.listen(ask),
      pointers.listen(ask),
      stopInk,
      room.close,
    ];
    const listening = new AbortController();
    isDark.addEventListener(
      "change",
      () => {
        painter.theme = isDark.matches ? dark : light;
        ask();
      },
      { signal: listening.signal },
    );
    const sizes = new ResizeObserver(() => {
      const { clientWidth: width, clientHeight: height } = stage;
      if (!width || !height) return;
      size = { width, height };
      painter.resize(size, Math.min(2, devicePixelRatio));
      ask();
    });
    sizes.observe(stage);

    return () => {
      for (const end of ends) end();
      editor.close();
      sizes.disconnect();
      listening.abort();
      cancelAnimationFrame(frame);
      onMounted = undefined;
      stage.replaceChildren();
    };
  }

  return api;
}

export { colors };

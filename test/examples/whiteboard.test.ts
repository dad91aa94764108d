/** The whiteboard's pure parts: boxes, views, shapes, where they are, strokes as they are told, tools, and what a file has. */
import { orderBetween } from "sente-sync";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { type Drawing, maxNumbers, type Shape, shapeSchema } from "../../examples/whiteboard/contract.ts";
import { toSvg } from "../../examples/whiteboard/export.ts";
import { firstDrawing } from "../../examples/whiteboard/first.ts";
import { boxAround, distanceToLine, fitted, touches, union } from "../../examples/whiteboard/geometry.ts";
import { createInks, heardInk, tellInk } from "../../examples/whiteboard/ink.ts";
import { fitText, linesOf, svgOutline, wrap } from "../../examples/whiteboard/outline.ts";
import { createScene } from "../../examples/whiteboard/scene.ts";
import { boundsOf, inWords, isAt, isWhole, pointsOf, strokeOf } from "../../examples/whiteboard/shapes.ts";
import { begin, type Desk } from "../../examples/whiteboard/tools.ts";
import { maxZoom, panned, showing, shownIn, toPlane, toWindow, towards, zoomed } from "../../examples/whiteboard/view.ts";

const rectangle = (x: number, y: number, order = "a0V", color: Shape["color"] = "blue"): Shape => ({
  kind: "rectangle",
  box: [x, y, 100, 50],
  color,
  order,
});
/** Ten units to a letter. */
const measure = (text: string): number => text.length * 10;

describe("boxes and views", () => {
  test("boxes are spanned, joined, and go along with the one around them", () => {
    expect(boxAround({ x: 5, y: 9 }, { x: 1, y: 10 })).toEqual([1, 9, 4, 1]);
    expect(
      union([
        [0, 0, 1, 1],
        [5, 5, 5, 1],
      ]),
    ).toEqual([0, 0, 10, 6]);
    expect(union([])).toBeUndefined();
    expect(touches([0, 0, 10, 10], [10, 10, 1, 1])).toBe(true);
    expect(touches([0, 0, 10, 10], [11, 0, 1, 1])).toBe(false);
    expect(fitted([10, 0, 10, 10], [0, 0, 20, 20], [100, 0, 40, 10])).toEqual([120, 0, 20, 5]);
    expect(fitted([3, 3, 0, 4], [3, 3, 0, 4], [0, 0, 8, 8])).toEqual([0, 0, 0, 8]);
    expect(distanceToLine({ x: 5, y: 3 }, 0, 0, 10, 0)).toBe(3);
    expect(distanceToLine({ x: 13, y: 4 }, 0, 0, 10, 0)).toBe(5);
  });

  test("what is under the pointer stays there while the view is zoomed", () => {
    const at = { x: 300, y: 200 };
    let view = panned({ x: 10, y: 20, zoom: 1 }, 30, -40);
    expect(view).toEqual({ x: -20, y: 60, zoom: 1 });
    const before = toPlane(view, at);
    view = zoomed(view, at, 2.5);
    expect(toPlane(view, at).x).toBeCloseTo(before.x);
    expect(toWindow(view, before).y).toBeCloseTo(at.y);
    expect(zoomed(view, at, 1e9).zoom).toBe(maxZoom);
  });

  test("a view shows a whole box in the middle, and comes there step by step", () => {
    const size = { width: 800, height: 400 };
    const view = showing([100, 100, 400, 100], size);
    expect(view).toEqual({ x: 100, y: 50, zoom: 2 });
    expect(shownIn(view, size)).toEqual([100, 50, 400, 200]);
    let now = { x: 0, y: 0, zoom: 1 };
    for (let step = 0; step < 60; step++) now = towards(now, view, 0.2);
    expect(now).toBe(view);
  });
});

describe("shapes", () => {
  test("a stroke is told from its box, is stretched by it, and is touched where it was drawn", () => {
    const stroke = strokeOf([10, 20, 30, 60, 50, 20], "red", "a0V");
    expect(stroke).toMatchObject({ box: [10, 20, 40, 40], points: [0, 0, 20, 40, 40, 0] });
    expect(pointsOf(stroke)).toBe(stroke.points);
    expect(pointsOf({ ...stroke, box: [0, 0, 80, 20] })).toEqual([0, 0, 40, 20, 80, 0]);
    expect(isAt(stroke, { x: 21, y: 40 }, 2)).toBe(true);
    expect(isAt(stroke, { x: 30, y: 25 }, 2)).toBe(false);
    expect(isAt(strokeOf([5, 5], "red", "a0V"), { x: 6, y: 6 }, 2)).toBe(true);
    expect(isAt({ ...rectangle(0, 0), kind: "ellipse" }, { x: 2, y: 2 }, 1)).toBe(false);
    expect(isAt({ ...rectangle(0, 0), kind: "ellipse" }, { x: 50, y: 25 }, 1)).toBe(true);
    expect(boundsOf(stroke)).toEqual([4, 14, 52, 52]);
  });

  test("a stroke that is too long keeps its way with fewer points", () => {
    const points = Array.from({ length: 3 * maxNumbers }, (_, at) => at);
    const stroke = strokeOf(points, "ink", "a0V");
    expect(stroke.points.length).toBeLessThanOrEqual(maxNumbers);
    expect(stroke.points.slice(0, 4)).toEqual([0, 0, 8, 8]);
    expect(v.is(shapeSchema, stroke)).toBe(true);
  });

  test("what was moved here and deleted there is no shape, and the schema knows shapes", () => {
    expect(isWhole({ box: [0, 0, 1, 1] })).toBe(false);
    for (const shape of Object.values(firstDrawing().shapes)) expect(v.is(shapeSchema, shape), inWords(shape)).toBe(true);
    expect(v.is(shapeSchema, rectangle(0, 0, "a"))).toBe(false);
    expect(v.is(shapeSchema, { ...rectangle(0, 0), box: [0, 0, 1] })).toBe(false);
    expect(inWords({ ...rectangle(0, 0), kind: "note", text: "Tea" })).toBe("note “Tea”, blue");
  });
});

describe("the scene", () => {
  const shapes: Drawing["shapes"] = {};
  for (let at = 0, order: string | null = null; at < 400; at++) {
    order = orderBetween(order, null);
    shapes[`s${at}`] = rectangle((at % 20) * 200, Math.floor(at / 20) * 100, order);
  }
  const idsIn = (scene: ReturnType<typeof createScene>, box: Shape["box"]) => scene.within(box).map(({ id }) => id);

  test("knows what is where, from back to front, near and far", () => {
    const scene = createScene();
    expect(scene.update(shapes)).toHaveLength(400);
    expect(idsIn(scene, [0, 0, 210, 110])).toEqual(["s0", "s1", "s20", "s21"]);
    expect(idsIn(scene, [-1e5, -1e5, 2e5, 2e5])).toEqual(Object.keys(shapes));
    expect(scene.at({ x: 250, y: 25 }, 1)?.id).toBe("s1");
    expect(scene.at({ x: 150, y: 75 }, 1)).toBeUndefined();
    expect(scene.bounds()).toEqual([-4, -4, 3908, 1958]);
  });

  test("files anew only what changed: the others are the same objects", () => {
    const scene = createScene();
    scene.update(shapes);
    const [kept] = scene.within([0, 0, 1, 1]);
    expect(scene.update({ ...shapes })).toEqual([]);
    const moved = { ...shapes["s1"], box: [5, 5, 100, 50] } as Shape;
    const left: Drawing["shapes"] = { ...shapes, s1: moved };
    delete left["s2"];
    expect(scene.update(left)).toEqual([
      [196, -4, 108, 58],
      [1, 1, 108, 58],
      [396, -4, 108, 58],
    ]);
    expect(scene.within([0, 0, 1, 1])[0]).toBe(kept);
    expect(idsIn(scene, [0, 0, 50, 50])).toEqual(["s0", "s1"]);
    expect(scene.get("s2")).toBeUndefined();
    expect(scene.all).toHaveLength(399);
  });

  test("a shape that covers much is found everywhere, and what is no whole shape nowhere", () => {
    const scene = createScene();
    const large: Shape = { kind: "ellipse", box: [-5000, -5000, 10_000, 10_000], color: "red", order: "Zz1" };
    scene.update({ ...shapes, large, rest: { box: [0, 0, 1, 1] } as never });
    expect(idsIn(scene, [0, 0, 50, 50])).toEqual(["large", "s0"]);
    scene.update(shapes);
    expect(idsIn(scene, [0, 0, 50, 50])).toEqual(["s0"]);
  });

  test("of two shapes with one order the id decides", () => {
    const scene = createScene();
    scene.update({ b: rectangle(0, 0), a: rectangle(0, 0), c: rectangle(0, 0) });
    expect(scene.all.map(({ id }) => id)).toEqual(["a", "b", "c"]);
    scene.update({ b: rectangle(0, 0, "a1V"), a: rectangle(0, 0), c: rectangle(0, 0) });
    expect(scene.all.map(({ id }) => id)).toEqual(["a", "c", "b"]);
  });
});

describe("strokes that are being drawn", () => {
  const points = Array.from({ length: 600 }, (_, at) => at);

  test("a message that was lost is made good by a later one", () => {
    let heard: readonly number[] = [];
    for (let end = 12; end <= points.length; end += 12) {
      if (end % 48 !== 0) continue; // three of four are lost
      heard = heardInk(heard, tellInk("a", "red", points.slice(0, end)));
    }
    expect(heard).toEqual(points.slice(0, 576));
    expect(tellInk("a", "red", points).points.length).toBeLessThan(100);
  });

  test("they are here until they are on the board, dropped, or not heard of any more; nobody draws another's", () => {
    const inks = createInks();
    for (const id of ["a", "b", "c"]) inks.heard("ada", tellInk(id, "red", points), 0);
    inks.heard("eve", tellInk("a", "blue", [1, 2]), 0);
    expect(inks.all.map(({ id, color, points: { length } }) => [id, color, length])).toEqual([
      ["a", "red", 96],
      ["b", "red", 96],
      ["c", "red", 96],
    ]);
    inks.heard("ada", { id: "b", color: "red", from: 0, points: [] }, 1);
    inks.heard("ada", tellInk("c", "red", points), 9000);
    expect(inks.keep(() => true, 9001)).toBe(true);
    expect(inks.all.map(({ id }) => id)).toEqual(["c"]);
    expect(inks.keep(({ id }) => id !== "c", 9002)).toBe(true);
    expect(inks.keep(() => true, 9003)).toBe(false);
  });
});

describe("tools", () => {
  /** A board that nobody else is at. */
  function open(...first: Shape[]) {
    const scene = createScene();
    let shapes: Drawing["shapes"] = Object.fromEntries(first.map((shape, at) => [`s${at}`, shape]));
    scene.update(shapes);
    const told: unknown[] = [];
    let ids = 0;
    const desk: Desk = {
      scene,
      color: "green",
      selected: new Set<string>(),
      near: 4,
      newId: () => `new-${ids++}`,
      front: () => orderBetween(scene.all.at(-1)?.shape.order ?? null, null),
      select: (chosen) => Object.assign(desk, { selected: new Set(chosen) }),
      preview: (shape) => told.push(["preview", shape?.kind]),
      marquee: (box) => told.push(["marquee", box]),
      draw: (id, points) => told.push(["draw", id, points.length]),
      add(id, shape) {
        told.push(["add", id, shape.kind]);
        shapes = { ...shapes, [id]: shape };
        scene.update(shapes);
      },
      place(boxes, group) {
        told.push(["place", group]);
        for (const [id, box] of boxes) shapes = { ...shapes, [id]: { ...(shapes[id] as Shape), box } };
        scene.update(shapes);
      },
      write: (id, shape) => told.push(["write", id, shape.kind]),
    };
    const drag = (tool: Parameters<typeof begin>[0], points: readonly [x: number, y: number][], shift = false) => {
      const [[x, y] = [0, 0], ...rest] = points;
      const gesture = begin(tool, desk, { x, y }, { shift });
      for (const [toX, toY] of rest) gesture.move({ x: toX, y: toY }, { shift });
      return gesture;
    };
    return { desk, told, drag, box: (id: string) => scene.get(id)?.box };
  }

  test("a pen's stroke is told while it is drawn, and written once", () => {
    const { told, drag, desk } = open();
    const gesture = drag("pen", [
      [0, 0],
      [10, 0],
      [10.2, 0],
      [20, 5],
    ]);
    expect(told).toEqual([
      ["draw", "new-0", 2],
      ["draw", "new-0", 4],
      ["draw", "new-0", 6],
    ]);
    gesture.end();
    expect(told.at(-1)).toEqual(["add", "new-0", "stroke"]);
    expect(desk.scene.get("new-0")).toMatchObject({ color: "green", points: [0, 0, 10, 0, 20, 5] });
    drag("pen", [
      [0, 0],
      [9, 9],
    ]).cancel();
    expect(told.at(-1)).toEqual(["draw", "new-1", 0]);
    expect(desk.scene.all).toHaveLength(1);
  });

  test("a rectangle is spanned, with Shift a square, with a click one of the usual size", () => {
    const { drag, box, desk } = open();
    drag("rectangle", [
      [10, 10],
      [60, 30],
    ]).end();
    drag(
      "ellipse",
      [
        [10, 10],
        [60, -20],
      ],
      true,
    ).end();
    drag("rectangle", [[100, 100]]).end();
    expect([box("new-0"), box("new-1"), box("new-2")]).toEqual([
      [10, 10, 50, 20],
      [10, -40, 50, 50],
      [20, 40, 160, 120],
    ]);
    expect([...desk.selected]).toEqual(["new-2"]);
  });

  test("a drag moves what is selected, in one group; a click only selects", () => {
    const { told, drag, box, desk } = open(rectangle(0, 0), rectangle(300, 0, "a1V"));
    drag("select", [
      [50, 25],
      [51, 25],
    ]).end();
    expect([...desk.selected]).toEqual(["s0"]);
    expect(told).toEqual([]);
    drag("select", [[320, 10]], true).end();
    expect([...desk.selected]).toEqual(["s0", "s1"]);
    drag("select", [
      [50, 25],
      [60, 25],
      [70, 35],
    ]).end();
    expect([box("s0"), box("s1")]).toEqual([
      [20, 10, 100, 50],
      [320, 10, 100, 50],
    ]);
    expect(new Set(told.map((each) => (each as string[])[1])).size).toBe(1);
    drag("select", [
      [50, 25],
      [500, 500],
    ]).cancel();
    expect([box("s0"), box("s1")]).toEqual([
      [20, 10, 100, 50],
      [320, 10, 100, 50],
    ]);
  });

  test("a corner resizes all that is selected; letters are not stretched, and nothing is turned inside out", () => {
    const { drag, box, desk } = open(rectangle(0, 0), rectangle(100, 50, "a1V"));
    desk.select(["s0", "s1"]);
    drag("select", [
      [200, 100],
      [400, 100],
    ]).end();
    expect([box("s0"), box("s1")]).toEqual([
      [0, 0, 200, 50],
      [200, 50, 200, 50],
    ]);
    drag("select", [
      [0, 0],
      [900, 900],
    ]).end();
    expect(union([box("s0") as Shape["box"], box("s1") as Shape["box"]])).toEqual([392, 92, 8, 8]);
    const other = open({ kind: "text", text: "Tea", box: [0, 0, 60, 30], color: "ink", order: "a0V" });
    other.desk.select(["s0"]);
    other
      .drag("select", [
        [60, 30],
        [120, 31],
      ])
      .end();
    expect(other.box("s0")).toEqual([0, 0, 120, 60]);
  });

  test("where nothing is, a box selects what it touches; texts and notes are written into", () => {
    const { told, drag, desk } = open(rectangle(0, 0), rectangle(300, 0, "a1V"));
    drag("select", [
      [-20, -20],
      [50, 10],
    ]).end();
    expect([...desk.selected]).toEqual(["s0"]);
    drag(
      "select",
      [
        [250, 200],
        [310, 20],
      ],
      true,
    ).end();
    expect([...desk.selected]).toEqual(["s0", "s1"]);
    drag("select", [[250, 200]]).end();
    expect([...desk.selected]).toEqual([]);
    drag("note", [[500, 500]]).end();
    expect(told.at(-1)).toEqual(["write", "new-0", "note"]);
    drag("hand", [
      [0, 0],
      [9, 9],
    ]).end();
    expect(told).toHaveLength(6);
  });
});

describe("what is written, and files", () => {
  test("a note's letters are as large as fits, a text's box as its letters", () => {
    const note = { ...rectangle(0, 0), kind: "note", text: "one two three", box: [0, 0, 128, 128] } as const;
    expect(wrap("one two three\nfour", 80, measure)).toEqual(["one two", "three", "four"]);
    expect(linesOf({ ...note, box: [0, 0, 128, 128] }, measure)).toEqual({ size: 26, lines: ["one two", "three"] });
    expect(linesOf({ ...note, text: "a b c d e f g h i j", box: [0, 0, 48, 100] }, measure).size).toBe(10);
    const text = { ...note, kind: "text", text: "", box: [10, 10, 0, 36.4] } as never;
    expect(fitText(text, "Tea\nand more", measure)).toEqual([10, 10, 80, 72.8]);
  });

  test("SVG has every shape, from back to front, and no markup of what people wrote", () => {
    const { shapes } = firstDrawing();
    const bad = { ...rectangle(0, 0), kind: "note", text: '</text><script x="1">&' } as unknown as Shape;
    const svg = toSvg([...Object.values(shapes), bad], measure);
    expect(svg.match(/<(path|ellipse)/g)).toHaveLength(6);
    expect(svg.match(/<text/g)).toHaveLength(6);
    expect(svg).toContain("&lt;/text&gt;&lt;script");
    expect(svg).not.toContain("<script");
    expect(toSvg([], measure)).toContain('viewBox="-24 -24 148 148"');
    expect(svgOutline([0, 0, 20, 0, 40, 10])).toMatch(/^M[-\d. ]+Q.*Z$/);
    expect(svgOutline([])).toBe("");
  });
});

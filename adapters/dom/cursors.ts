/**
 * `cursors(client, ref, area)`: the others' pointers over an element or over the whole page, and this one's told to them.
 *
 * Always: a frame of the browser is asked for only while a pointer moves; what is shown of somebody is text, never markup; what this put
 * into the page it takes out.
 * Rules: docs/guides/presence.md.
 */
import type { ChannelEvents, RefOrName, RoomShape } from "sente-sync";
import { type Member, type Pointer, type PointerOptions, pointers, type Unsubscribe } from "sente-sync/client";
import { adopt, colorOf, create, nameOf } from "./looks.ts";

export interface CursorsOptions<D = unknown> extends PointerOptions {
  /** Default: the `name` of the member's data, or of its user. */
  readonly label?: (pointer: Pointer<D>) => string;
  /** Draws one, and anew when its member changed; it is put in its place already. */
  readonly render?: (pointer: Pointer<D>) => Node;
  /** Where they are drawn. Default: in the area. */
  readonly into?: Element | ShadowRoot;
}

const css = `
div:where(.sente-cursors) { position: absolute; inset: 0; overflow: hidden; pointer-events: none; z-index: 1000 }
div:where(.sente-cursors[data-over="page"]) { position: fixed }
div:where(.sente-cursor) { position: absolute; left: 0; top: 0 }
svg:where(.sente-cursor > *) { display: block; fill: var(--sente-color); stroke: #fff }
span:where(.sente-cursor-label) {
  display: inline-block; margin-left: 10px; padding: 1px 6px; border-radius: 6px; font: 12px/1.5 system-ui, sans-serif;
  white-space: nowrap; color: #fff; background: var(--sente-color);
}`;

interface Drawn {
  readonly element: HTMLElement;
  member?: Member;
}

/** Positions are from the area's upper left corner. Of `document.documentElement` the area is the page. Called back, it ends. */
export function cursors<D, I, E extends ChannelEvents>(
  client: object,
  ref: RefOrName<"presence", RoomShape<D, I, E>>,
  area: HTMLElement,
  { label = labelOf, render, into, ...options }: CursorsOptions<D> = {},
): Unsubscribe {
  const shared = pointers(client, ref, options);
  const isPage = area === document.documentElement;
  const layer = create("div", "cursors");
  layer.dataset["over"] = isPage ? "page" : "part";
  (into ?? (isPage ? document.body : area)).append(layer);
  adopt(layer, css);
  if (!isPage && getComputedStyle(area).position === "static") area.style.position = "relative";

  const drawn = new Map<string, Drawn>();
  const make = (id: string): Drawn => {
    const one: Drawn = { element: create("div", "cursor") };
    drawn.set(id, one);
    layer.append(one.element);
    return one;
  };
  const show = (one: Drawn, pointer: Pointer<D>): void => {
    const { element } = one;
    const { member } = pointer;
    one.member = member;
    element.dataset["status"] = member.status;
    element.style.setProperty("--sente-color", colorOf((member.user as { readonly id: string }).id));
    if (render) return element.replaceChildren(render(pointer));
    if (!element.lastElementChild) element.append(arrow(), create("span", "cursor-label"));
    (element.lastElementChild as Element).textContent = label(pointer);
  };

  let frame = 0;
  const draw = (): void => {
    frame = 0;
    const gone = new Set(drawn.keys());
    const [fromX, fromY] = isPage ? [scrollX, scrollY] : [0, 0];
    for (const pointer of shared.get()) {
      const { member, x, y } = pointer;
      gone.delete(member.id);
      const one = drawn.get(member.id) ?? make(member.id);
      one.element.style.transform = `translate(${x - fromX}px, ${y - fromY}px)`;
      if (one.member !== member) show(one, pointer);
    }
    for (const id of gone) {
      drawn.get(id)?.element.remove();
      drawn.delete(id);
    }
    if (shared.isMoving) ask();
  };
  const ask = (): void => {
    frame ||= requestAnimationFrame(draw);
  };

  const signs = new AbortController();
  const listening = { signal: signs.signal, passive: true };
  const move = ({ clientX, clientY }: PointerEvent): void => {
    const { left, top } = area.getBoundingClientRect();
    shared.move(clientX - left - area.clientLeft, clientY - top - area.clientTop);
  };
  area.addEventListener("pointermove", move, listening);
  area.addEventListener("pointerleave", () => shared.leave(), listening);
  if (isPage) addEventListener("scroll", ask, listening);
  const stop = shared.listen(ask);
  ask();
  return () => {
    stop();
    signs.abort();
    cancelAnimationFrame(frame);
    layer.remove();
  };
}

const labelOf = ({ member }: Pointer): string => nameOf(member.user, member.data);

function arrow(): SVGElement {
  const make = (name: string, attributes: { readonly [name: string]: string }): SVGElement => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const svg = make("svg", { "width": "14", "height": "20", "aria-hidden": "true" });
  svg.append(make("path", { d: "M0 0 L0 16 L4.5 12 L7.5 18.5 L10 17.5 L7 11 L12.5 11 Z" }));
  return svg;
}

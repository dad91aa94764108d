/**
 * How people look: a colour, a name, initials; and the style sheet of what is drawn here.
 *
 * Always: a colour is the user's, the same for everybody. The sheet counts less than any class or part that a page names, and is no inline
 * style: a strict content policy lets it pass.
 * Rules: docs/guides/presence.md.
 */

/** A colour for that id, one of 360 hues: far from those of ids like it, and all equally dark, so that white text is readable. */
export function colorOf(id: string): string {
  let hash = 0;
  for (let at = 0; at < id.length; at++) hash = (hash * 31 + id.charCodeAt(at)) >>> 0;
  return `oklch(52% 0.15 ${(hash * 137) % 360})`;
}

/** What somebody is called: the name in its data, or of its user, or its id. */
export function nameOf(user: unknown, data: unknown): string {
  const { name } = (data ?? {}) as { readonly name?: unknown };
  const { name: other, id } = user as { readonly name?: unknown; readonly id: string };
  return typeof name === "string" ? name : typeof other === "string" ? other : id;
}

/** Of the first and the last word. */
export function initialsOf(name: string): string {
  const words = name.trim().split(/\s+/);
  return [words[0], words.length > 1 ? words.at(-1) : ""]
    .map((word = "") => word.slice(0, (word.codePointAt(0) ?? 0) > 0xffff ? 2 : 1))
    .join("")
    .toUpperCase();
}

const adopted = new WeakMap<Node, Set<string>>();

/** Gives a document or a shadow root that sheet, once. */
export function adopt(node: Node, css: string): void {
  const root = node.getRootNode() as Document | ShadowRoot;
  const known = adopted.get(root) ?? new Set();
  if (known.has(css)) return;
  adopted.set(root, known.add(css));
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  root.adoptedStyleSheets = [...(root.adoptedStyleSheets ?? []), sheet];
}

/** An element with that class, which is its part in a shadow root too. */
export function create<N extends "div" | "span" | "li">(name: N, look: string): HTMLElementTagNameMap[N] {
  const element = document.createElement(name);
  element.className = `sente-${look}`;
  element.setAttribute("part", look);
  return element;
}

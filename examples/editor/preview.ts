/**
 * Markdown of a document that anybody may write, as elements.
 *
 * Always: nothing in it is taken for HTML, links lead to pages and nowhere else, and no image is asked for.
 */
import { lexer, type Token, type Tokens } from "marked";
import type * as Y from "yjs";

const simple: ReadonlyMap<string, string> = new Map([
  ["paragraph", "p"],
  ["strong", "strong"],
  ["em", "em"],
  ["del", "del"],
  ["blockquote", "blockquote"],
]);

function element(name: string, children: readonly (Node | string)[]): HTMLElement {
  const made = document.createElement(name);
  made.append(...children);
  return made;
}

function all(tokens: readonly Token[] = []): Node[] {
  return tokens.flatMap((token) => node(token) ?? []);
}

function node(token: Token): Node | undefined {
  const name = simple.get(token.type);
  const { tokens } = token as { readonly tokens?: readonly Token[] };
  if (name !== undefined) return element(name, all(tokens));
  switch (token.type) {
    case "heading":
      return element(`h${(token as Tokens.Heading).depth}`, all(tokens));
    case "code":
      return element("pre", [element("code", [(token as Tokens.Code).text])]);
    case "codespan":
      return element("code", [(token as Tokens.Codespan).text]);
    case "list": {
      const { ordered, items } = token as Tokens.List;
      return element(ordered ? "ol" : "ul", items.map(item));
    }
    case "link":
      return link(token as Tokens.Link);
    case "image":
      return link(token as Tokens.Image);
    case "table":
      return table(token as Tokens.Table);
    case "br":
    case "hr":
      return element(token.type, []);
    case "space":
    case "def":
    case "checkbox":
      return undefined;
    case "text":
      if (tokens) return element("span", all(tokens));
  }
  // What is HTML there is text here.
  return document.createTextNode((token as { readonly text?: string }).text ?? token.raw);
}

function item({ task, checked, tokens }: Tokens.ListItem): HTMLElement {
  const made = element("li", all(tokens));
  if (!task) return made;
  const box = Object.assign(document.createElement("input"), { type: "checkbox", disabled: true, checked: checked === true });
  box.ariaLabel = checked ? "Done" : "To do";
  made.prepend(box, " ");
  return made;
}

function link({ href, text, type, tokens }: Tokens.Link | Tokens.Image): Node {
  const label = type === "link" ? all(tokens) : [text || href];
  if (!/^(https?:|mailto:|#)/i.test(href)) return element("span", label);
  return Object.assign(element("a", label), { href, rel: "noopener noreferrer", target: "_blank" });
}

function table({ header, rows }: Tokens.Table): HTMLElement {
  const row = (name: string, cells: readonly Tokens.TableCell[]): HTMLElement =>
    element(
      "tr",
      cells.map(({ tokens }) => element(name, all(tokens))),
    );
  return element("table", [
    element("thead", [row("th", header)]),
    element(
      "tbody",
      rows.map((cells) => row("td", cells)),
    ),
  ]);
}

/** Shows the text in that element, at most once a frame, until called back. */
export function showPreview(into: HTMLElement, text: Y.Text): () => void {
  let frame = 0;
  const show = (): void => {
    frame = 0;
    into.replaceChildren(...all(lexer(text.toString())));
  };
  const later = (): void => {
    frame ||= requestAnimationFrame(show);
  };
  text.observe(later);
  show();
  return () => {
    text.unobserve(later);
    cancelAnimationFrame(frame);
  };
}

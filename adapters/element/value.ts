/**
 * `<sente-value topic="stats" path="visitors">Loading…</sente-value>`: a value of an atom as text, live.
 *
 * Its own content is shown until there is a value, and where there is none at the path. Slot `error`: instead of the error's message.
 * Parts: `value`, `error`.
 * Always: a value is text, never markup.
 * Rules: docs/guides/web-components.md.
 */
import type { RegisteredEvents, SyncError } from "sente-sync";
import { atom, type Client, type Unsubscribe } from "sente-sync/client";
import { SenteElement } from "./base.ts";

export class SenteValue extends SenteElement {
  static override readonly observedAttributes: readonly string[] = ["topic", "path"];
  static override readonly properties: readonly string[] = ["client", "format"];
  static override readonly styles: string = `[hidden] { display: none } [part="error"] { color: var(--sente-error, #b3261e) }`;

  readonly #value: HTMLElement;
  readonly #content: HTMLElement;
  readonly #errorSlot: HTMLSlotElement;
  readonly #error: HTMLElement;
  #format: (value: unknown) => string = textOf;
  #now: unknown;

  constructor() {
    super();
    const part = (name: string): HTMLElement => {
      const element = document.createElement("span");
      element.setAttribute("part", name);
      return element;
    };
    this.#value = part("value");
    this.#error = part("error");
    this.#content = document.createElement("slot");
    this.#errorSlot = document.createElement("slot");
    this.#errorSlot.name = "error";
    this.#errorSlot.append(this.#error);
    this.root.append(this.#value, this.#content, this.#errorSlot);
    this.#show(undefined);
  }

  /** The value at the path; undefined while there is none. */
  get value(): unknown {
    return this.#now;
  }

  /** How a value is written. Default: strings and numbers as they are, all else as JSON. */
  get format(): (value: unknown) => string {
    return this.#format;
  }
  set format(format: (value: never) => string) {
    this.#format = format as (value: unknown) => string;
    this.#show(this.#now);
  }

  protected override start(client: Client<RegisteredEvents>): Unsubscribe {
    const handle = atom(client, this.need("topic"));
    const path = this.getAttribute("path")?.split(".") ?? [];
    const ends = [this.follow(handle), handle.subscribe((value) => this.#show(path.reduce(at, value)))];
    return () => {
      for (const end of ends) end();
      this.#show(undefined);
    };
  }

  protected override fail(error: SyncError | undefined): void {
    super.fail(error);
    this.#error.textContent = error?.message ?? "";
    this.#show(this.#now);
  }

  #show(value: unknown): void {
    this.#now = value;
    const isThere = value !== undefined && value !== null;
    const isWrong = this.hasAttribute("error");
    if (isThere) this.#value.textContent = this.#format(value);
    this.#value.hidden = !isThere || isWrong;
    this.#content.hidden = isThere || isWrong;
    this.#errorSlot.hidden = !isWrong;
  }
}

/** What is the value's own, never what every object has. */
function at(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.hasOwn(value, key) ? (value as { readonly [key: string]: unknown })[key] : undefined;
}

const textOf = (value: unknown): string => (typeof value === "object" ? JSON.stringify(value) : String(value));

/**
 * `<sente-cursors topic="room" name="Ada">`: everybody's pointer over what stands in it, or with `over="page"` over the page; and
 * `<sente-avatars topic="room">`: who is there.
 *
 * Always: this client is a member of the room while a `<sente-cursors>` is in the page; `<sente-avatars>` only looks.
 * Rules: docs/guides/web-components.md.
 */
import type { RegisteredEvents } from "sente-sync";
import { type Client, type Presence, presence, type Unsubscribe } from "sente-sync/client";
import { avatarStack, cursors } from "sente-sync/dom";
import { SenteElement } from "./base.ts";

interface Data {
  readonly [key: string]: unknown;
}

/** Parts: `cursors`, `cursor`, `cursor-label`. */
export class SenteCursors extends SenteElement {
  static override readonly observedAttributes: readonly string[] = ["topic", "name", "over"];
  static override readonly properties: readonly string[] = ["client", "data"];
  static override readonly styles: string = `
    :host { display: block; position: relative }
    :host([over="page"]) { display: contents }
    :host([hidden]) { display: none }`;

  #data: Data = {};
  #room: Presence<Data> | undefined;

  constructor() {
    super();
    this.root.append(document.createElement("slot"));
  }

  /** What this client shows of itself, besides `name` and the cursor. What is set is merged. */
  get data(): Data {
    return this.#data;
  }
  set data(data: Data) {
    this.#data = { ...this.#data, ...data };
    this.#room?.set(data);
  }

  /** The room that this element is in. */
  get room(): Presence<Data> | undefined {
    return this.#room;
  }

  protected override start(client: Client<RegisteredEvents>): Unsubscribe {
    const topic = this.need("topic");
    const name = this.getAttribute("name");
    const room = presence<Data, Data, never>(client, topic, { cursor: null, ...(name !== null && { name }), ...this.#data });
    this.#room = room;
    const area = this.getAttribute("over") === "page" ? document.documentElement : this;
    const ends = [this.follow(room), cursors(client, topic, area, { into: this.root })];
    return () => {
      for (const end of ends) end();
      this.#room = undefined;
      room.close();
    };
  }

  /** Another name is no reason to leave. */
  override attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    if (name === "name" && this.#room) this.#room.set({ name: now ?? undefined });
    else super.attributeChangedCallback(name, before, now);
  }
}

/** Attribute `max`: more are a number. Parts: `list`, `avatar`. */
export class SenteAvatars extends SenteElement {
  static override readonly observedAttributes: readonly string[] = ["topic", "max"];
  static override readonly styles: string = ":host { display: inline-block } :host([hidden]) { display: none }";

  protected override start(client: Client<RegisteredEvents>): Unsubscribe {
    const topic = this.need("topic");
    const max = Number(this.getAttribute("max") ?? 5);
    const list = document.createElement("ul");
    list.setAttribute("part", "list");
    this.root.append(list);
    const room = presence(client, topic);
    const ends = [this.follow(room), avatarStack(client, topic, list, { max })];
    return () => {
      for (const end of ends) end();
      list.remove();
    };
  }
}

/**
 * `SenteElement`: a class to extend for elements that show something of a client, in a shadow root of their own.
 *
 * Always: `start` runs while the element is in the page and has a client, and anew when one of its attributes or the client changes; what
 * it returned has ended what ran before. What is in the page is not reached by the element's styles, nor the element by the page's.
 * Rules: docs/guides/web-components.md.
 */
import { isSyncError, type RegisteredEvents, SyncError } from "sente-sync";
import type { Client, Readable, TopicStatus, Unsubscribe } from "sente-sync/client";
import { type AnyClient, clientAbove, type SenteClient } from "./client.ts";
import { BaseElement, showError, takeOwn } from "./page.ts";

/** What handles of all kinds have: of a value the error itself, of a room a store of it. */
export interface Followed {
  readonly status: Readable<TopicStatus>;
  readonly error: SyncError | undefined | Readable<SyncError | undefined>;
}

/** Set by itself: the attributes `state` (of its topic) and `error` (a code). */
export abstract class SenteElement extends BaseElement {
  /** Names of the attributes that it starts anew for. */
  static readonly observedAttributes: readonly string[] = [];
  /** CSS of the shadow root. */
  static readonly styles: string = "";
  /** Names of properties that may be set before the element is defined. */
  static readonly properties: readonly string[] = ["client"];

  readonly root: ShadowRoot;
  #given: AnyClient | undefined;
  #above: SenteClient | undefined;
  #stop: Unsubscribe | undefined;
  #stopAbove: Unsubscribe | undefined;
  #isIn = false;

  constructor() {
    super();
    this.root = this.attachShadow({ mode: "open" });
    const { styles } = this.constructor as typeof SenteElement;
    if (!styles) return;
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(styles);
    this.root.adoptedStyleSheets = [sheet];
  }

  /** The one that was given to this element, or else that of the `<sente-client>` above. */
  get client(): Client<RegisteredEvents> | undefined {
    return (this.#given as Client<RegisteredEvents> | undefined) ?? this.#above?.client;
  }
  set client(client: AnyClient | undefined) {
    this.#given = client;
    this.restart();
  }

  /** Shows what the client has, and returns how to end that. What it throws is the element's error. */
  protected abstract start(client: Client<RegisteredEvents>): Unsubscribe;

  /** Ends what runs, and starts anew. */
  protected restart(): void {
    if (!this.#isIn) return;
    this.#stop?.();
    this.#stop = undefined;
    this.fail(undefined);
    const { client } = this;
    // A `<sente-client>` that has none may get one; without any, nothing will come.
    if (!client && this.#above) return;
    try {
      if (!client) throw new SyncError("invalid", `<${this.localName}> stands in no <sente-client>.`);
      this.#stop = this.start(client);
    } catch (error) {
      if (!isSyncError(error)) throw error;
      this.fail(error);
    }
  }

  /** Shows that error, or that there is none any more. */
  protected fail(error: SyncError | undefined): void {
    showError(this, error);
  }

  /** Shows the state and the error of a handle, of whatever kind; how to end that belongs to what `start` returns. */
  protected follow(handle: Followed): Unsubscribe {
    const look = (): void => {
      const { error } = handle;
      this.fail(error && "get" in error ? error.get() : error);
    };
    const ends = [
      handle.status.subscribe((status) => {
        this.setAttribute("state", status);
        look();
      }),
    ];
    if (handle.error && "get" in handle.error) ends.push(handle.error.listen(look));
    return () => {
      for (const end of ends) end();
    };
  }

  /** An attribute that it needs. Throws SyncError `invalid` where it is missing. */
  protected need(name: string): string {
    const value = this.getAttribute(name);
    if (value) return value;
    throw new SyncError("invalid", `<${this.localName}> needs the attribute "${name}".`);
  }

  connectedCallback(): void {
    for (const name of (this.constructor as typeof SenteElement).properties) takeOwn(this, name);
    this.#isIn = true;
    this.#above = clientAbove(this);
    this.#stopAbove = this.#above?.listen(() => this.restart());
    this.restart();
  }
  disconnectedCallback(): void {
    this.#isIn = false;
    this.#stopAbove?.();
    this.#stop?.();
    this.#stop = undefined;
  }
  attributeChangedCallback(_name: string, before: string | null, now: string | null): void {
    if (before !== now) this.restart();
  }
}

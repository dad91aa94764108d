/**
 * `<sente-client url="/chsk">`: the client of all elements inside it, also of those in shadow roots below.
 *
 * Always: a client that it made is closed once it is out of the page, and not while it is moved; one that was given to it stays its
 * giver's.
 * Rules: docs/guides/web-components.md.
 */
import { isSyncError, type RegisteredEvents, type SyncError } from "sente-sync";
import { type Client, createClient, type Unsubscribe } from "sente-sync/client";
import { BaseElement, showError, takeOwn } from "./page.ts";

/** A client of any events. */
export type AnyClient = Pick<Client, "status" | "user" | "clientId" | "connect" | "disconnect" | "reconnect" | "close">;

/** Attributes: `url`; set by itself: `state`, the name of the client's status, and `error`, a code. */
export class SenteClient extends BaseElement {
  static readonly observedAttributes: readonly string[] = ["url"];
  readonly #changed = new Set<() => void>();
  #given: AnyClient | undefined;
  #made: Client | undefined;
  #stopStatus: Unsubscribe | undefined;
  #isIn = false;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.append(document.createElement("slot"));
  }

  /** The one that was given, or else the one made for `url`. */
  get client(): Client<RegisteredEvents> | undefined {
    return (this.#given ?? this.#made) as Client<RegisteredEvents> | undefined;
  }
  set client(client: AnyClient | undefined) {
    this.#given = client;
    this.#make();
  }

  /** Calls `run` when it is another client. */
  listen(run: () => void): Unsubscribe {
    const listener = (): void => run();
    this.#changed.add(listener);
    return () => void this.#changed.delete(listener);
  }

  connectedCallback(): void {
    takeOwn(this, "client");
    this.style.display ||= "contents";
    const wasIn = this.#isIn;
    this.#isIn = true;
    if (!wasIn) this.#make();
  }
  disconnectedCallback(): void {
    // What is moved is back before this runs.
    queueMicrotask(() => {
      if (this.isConnected) return;
      this.#isIn = false;
      this.#make();
    });
  }
  attributeChangedCallback(_name: string, before: string | null, now: string | null): void {
    if (before !== now) this.#make();
  }

  #make(): void {
    this.#stopStatus?.();
    const old = this.#made;
    this.#made = undefined;
    const url = this.getAttribute("url");
    let error: SyncError | undefined;
    if (this.#isIn && !this.#given && url !== null) {
      try {
        this.#made = createClient(url);
      } catch (thrown) {
        if (!isSyncError(thrown)) throw thrown;
        error = thrown;
      }
    }
    showError(this, error);
    const { client } = this;
    this.#stopStatus = this.#isIn ? client?.status.subscribe(({ name }) => this.setAttribute("state", name)) : undefined;
    for (const run of [...this.#changed]) run();
    old?.close();
  }
}

/** The nearest one above, through slots and out of shadow roots. */
export function clientAbove(element: Element): SenteClient | undefined {
  let node: Node | null = element;
  while (node && !(node instanceof SenteClient)) {
    const { assignedSlot, host } = node as { readonly assignedSlot?: Node | null; readonly host?: Node };
    node = assignedSlot ?? node.parentNode ?? host ?? null;
  }
  return node ?? undefined;
}

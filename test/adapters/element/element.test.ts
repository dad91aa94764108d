/** `sente-sync/element` against a real server: values, cursors, avatars, elements of one's own. */
import { presence, type Unsubscribe } from "sente-sync/client";
import { SenteElement } from "sente-sync/element";
import { expect, test, vi } from "vitest";
import { hall } from "../room.ts";
import { until } from "../support.ts";
import { shown } from "./shown.ts";
import { createPage } from "./world.ts";

const find = <T extends Element = HTMLElement>(selector: string): T => document.querySelector<T>(selector) as T;
const parts = (selector: string, part: string): HTMLElement[] => [
  ...(find(selector).shadowRoot?.querySelectorAll<HTMLElement>(`[part="${part}"]`) ?? []),
];

test("a value is shown at its path, its own content until then, and its attributes are reactive", async () => {
  const { live, show } = createPage();
  show(`<sente-value topic="stats" path="visitors">Loading…</sente-value>`);
  const element = find<HTMLElementTagNameMap["sente-value"]>("sente-value");
  expect([shown(element), element.getAttribute("state")]).toEqual(["Loading…", "loading"]);
  await until(() => expect(shown(element)).toBe("1"));
  live.set({ visitors: 2, last: { path: "<b>2</b>" } });
  await until(() => expect([shown(element), element.value, element.getAttribute("state")]).toEqual(["2", 2, "live"]));
  element.setAttribute("path", "last.path");
  expect(shown(element)).toBe("<b>2</b>");
  expect(parts("sente-value", "value")[0]?.children).toHaveLength(0);
  element.format = (value: string) => `at ${value}`;
  expect(shown(element)).toBe("at <b>2</b>");
  element.setAttribute("path", "last.constructor");
  expect(shown(element)).toBe("Loading…");
  element.format = JSON.stringify;
  element.removeAttribute("path");
  expect(shown(element)).toBe('{"visitors":2,"last":{"path":"<b>2</b>"}}');
});

test("what goes wrong is an attribute, an event and a part, and is gone with its cause", async () => {
  const { show, provider } = createPage();
  const events: string[] = [];
  provider.addEventListener("sente-error", (event) => events.push((event as CustomEvent<{ code: string }>).detail.code), true);
  show(`<sente-value topic="secret">Loading…</sente-value>`);
  const element = find("sente-value");
  await until(() => expect([element.getAttribute("error"), element.getAttribute("state")]).toEqual(["forbidden", "refused"]));
  expect(shown(element)).not.toBe("");
  expect(parts("sente-value", "error")[0]?.children).toHaveLength(0);
  expect(events).toEqual(["forbidden"]);
  element.innerHTML = `Loading…<i slot="error">Not for you</i>`;
  expect(shown(element)).toBe("Not for you");
  element.setAttribute("path", "visitors");
  element.setAttribute("topic", "stats");
  await until(() => expect([shown(element), element.getAttribute("error")]).toEqual(["1", null]));
  element.removeAttribute("topic");
  expect(element.getAttribute("error")).toBe("invalid");
  const alone = document.createElement("sente-value");
  alone.setAttribute("topic", "stats");
  document.body.append(alone);
  expect([alone.getAttribute("error"), shown(alone)]).toEqual(["invalid", "<sente-value> stands in no <sente-client>."]);
});

test("an element out of the page listens to nothing, and one that is moved goes on", async () => {
  const { ada, provider, room, show } = createPage();
  show(`<sente-cursors topic="talk/hall" name="Ada"><sente-value topic="stats" path="visitors"></sente-value></sente-cursors>`);
  const cursors = find("sente-cursors");
  const members = (await room()).members;
  await until(() => expect(members.get()).toHaveLength(1));
  await until(() => expect(shown(find("sente-value"))).toBe("1"));
  const aside = document.createElement("aside");
  document.body.append(aside);
  aside.append(provider);
  await until(() => expect(shown(find("sente-value"))).toBe("1"));
  expect(ada.status.get().name).toBe("connected");
  cursors.remove();
  await until(() => expect(members.get()).toEqual([]));
  expect(cursors.shadowRoot?.querySelector(".sente-cursors")).toBeNull();
  provider.append(cursors);
  await until(() => expect(members.get()).toHaveLength(1));
});

test("the client is found through slots and out of shadow roots, or given to the element itself", async () => {
  const { ada, provider, show } = createPage();
  show(`<div id="host"><sente-value topic="stats" path="visitors" id="slotted"></sente-value></div>`);
  const root = find("#host").attachShadow({ mode: "open" });
  root.innerHTML = `<slot></slot><sente-value topic="stats" path="visitors"></sente-value>`;
  await until(() => expect([shown(find("#slotted")), shown(root.querySelector("sente-value"))]).toEqual(["1", "1"]));
  const alone = document.createElement("sente-value");
  alone.client = ada;
  alone.setAttribute("topic", "stats");
  alone.setAttribute("path", "visitors");
  document.body.append(alone);
  await until(() => expect(shown(alone)).toBe("1"));
  // Another client, here none: what was of the old one is gone.
  provider.client = undefined;
  expect([shown(find("#slotted")), shown(alone)]).toEqual(["", "1"]);
});

test("a url makes a client, which is closed when its element is gone, and a bad one is an error", async () => {
  createPage();
  const element = document.createElement("sente-client");
  element.setAttribute("url", "ws://localhost:1/chsk");
  document.body.append(element);
  const { client } = element;
  expect(["connecting", "reconnecting"]).toContain(element.getAttribute("state"));
  find("sente-client").append(element);
  await Promise.resolve();
  expect(element.client).toBe(client);
  element.setAttribute("url", "ws://localhost:2/chsk");
  expect([client?.status.get().name, element.client === client]).toEqual(["closed", false]);
  const second = element.client;
  element.remove();
  await Promise.resolve();
  expect([second?.status.get().name, element.client]).toEqual(["closed", undefined]);
});

test("cursors glide over the slot, this one's is told, and a name that changes is no reason to leave", async () => {
  const { enter, show } = createPage();
  const bob = enter("bob", { name: "<b>Bob</b>", cursor: { x: 3, y: 4 } });
  show(`<sente-cursors topic="talk/hall" name="Ada"><p>Any page</p></sente-cursors>`);
  const element = find<HTMLElementTagNameMap["sente-cursors"]>("sente-cursors");
  await until(() =>
    expect(parts("sente-cursors", "cursor").map(({ style }) => style.transform)).toEqual(["translate(3px, 4px)"]),
  );
  expect(parts("sente-cursors", "cursor-label").map(({ innerHTML }) => innerHTML)).toEqual(["&lt;b&gt;Bob&lt;/b&gt;"]);
  await until(() => expect(bob.others.get().map(({ data }) => data)).toEqual([{ name: "Ada", cursor: null }]));
  const { id } = bob.others.get()[0] as { readonly id: string };
  find("p").dispatchEvent(new MouseEvent("pointermove", { bubbles: true, clientX: 5, clientY: 6 }));
  await until(() => expect(bob.others.get()[0]?.data.cursor).toEqual({ x: 5, y: 6 }));
  element.setAttribute("name", "Ada L.");
  element.data = { page: 7 };
  await until(() => expect(bob.others.get().map(({ data }) => [data.name, data.page])).toEqual([["Ada L.", 7]]));
  expect(bob.others.get()[0]?.id).toBe(id);
  bob.set({ name: "Bob" });
  await until(() => expect(parts("sente-cursors", "cursor-label")[0]?.textContent).toBe("Bob"));
  bob.close();
  await until(() => expect(parts("sente-cursors", "cursor")).toEqual([]));
});

test("over the whole page positions are the page's, wherever it is scrolled to", async () => {
  const { enter, show } = createPage();
  const bob = enter("bob", { cursor: { x: 30, y: 400 } });
  show(`<sente-cursors topic="talk/hall" over="page"></sente-cursors>`);
  const places = (): string[] => parts("sente-cursors", "cursor").map(({ style }) => style.transform);
  await until(() => expect(places()).toEqual(["translate(30px, 400px)"]));
  vi.stubGlobal("scrollY", 300);
  dispatchEvent(new Event("scroll"));
  await until(() => expect(places()).toEqual(["translate(30px, 100px)"]));
  vi.stubGlobal("scrollY", 0);
  document.body.dispatchEvent(new MouseEvent("pointermove", { bubbles: true, clientX: 8, clientY: 9 }));
  await until(() => expect(bob.others.get()[0]?.data.cursor).toEqual({ x: 8, y: 9 }));
  document.documentElement.dispatchEvent(new MouseEvent("pointerleave"));
  await until(() => expect(bob.others.get()[0]?.data.cursor).toBeNull());
});

test("who may only read a room sees who is there, and is told why nobody sees this one", async () => {
  const { show } = createPage();
  show(`<sente-cursors topic="closed" name="Ada"></sente-cursors><sente-avatars topic="closed"></sente-avatars>`);
  const element = find("sente-cursors");
  await until(() => expect([element.getAttribute("error"), element.getAttribute("state")]).toEqual(["forbidden", "live"]));
  expect(parts("sente-avatars", "avatar")).toEqual([]);
});

test("avatars are people: tabs are one, more are a number, and who stays keeps the element", async () => {
  const { client, enter, room, show } = createPage();
  show(`<sente-avatars topic="talk/hall" max="2"></sente-avatars>`);
  const avatars = (): (string | null)[] => parts("sente-avatars", "avatar").map(({ textContent }) => textContent);
  const members = (await room()).members;
  const one = enter("bob", { name: "Uncle Bob" });
  const two = presence(client("bob"), hall, { name: "Uncle Bob", cursor: null });
  await until(() => expect(avatars()).toEqual(["UB"]));
  const [first] = parts("sente-avatars", "avatar");
  enter("cid");
  await until(() => expect(avatars()).toEqual(["UB", "C"]));
  enter("dan");
  await until(() => expect(avatars()).toEqual(["UB", "C", "+1"]));
  one.close();
  await until(() => expect(members.get()).toHaveLength(3));
  expect(avatars()).toEqual(["UB", "C", "+1"]);
  expect(parts("sente-avatars", "avatar")[0]).toBe(first);
  two.close();
  await until(() => expect(avatars()).toEqual(["C", "D"]));
  find("sente-avatars").setAttribute("max", "1");
  await until(() => expect(avatars()).toEqual(["C", "+1"]));
});

test("an element of one's own has a root of its own, and its attributes start it anew", async () => {
  const { live, show } = createPage();
  const starts: (string | null)[] = [];
  class Visits extends SenteElement {
    static override readonly observedAttributes: readonly string[] = ["unit"];
    static override readonly styles: string = "p { color: green }";
    protected override start(): Unsubscribe {
      const unit = this.getAttribute("unit");
      starts.push(unit);
      const line = document.createElement("p");
      this.root.append(line);
      const end = live.subscribe(({ visitors }) => void (line.textContent = `${visitors} ${unit}`));
      return () => {
        end();
        line.remove();
      };
    }
  }
  customElements.define("test-visits", Visits);
  show(`<test-visits unit="people"></test-visits>`);
  expect(shown(find("test-visits"))).toBe("1 people");
  find("test-visits").setAttribute("unit", "visitors");
  find("test-visits").setAttribute("unit", "visitors");
  expect([shown(find("test-visits")), starts]).toEqual(["1 visitors", ["people", "visitors"]]);
  find("test-visits").remove();
});

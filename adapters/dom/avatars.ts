/**
 * `avatarStack(client, ref, list)`: who is here, one avatar per person, in a list of the page.
 *
 * Always: it only looks; who stays keeps the same element; what is shown of somebody is text, never markup.
 * Rules: docs/guides/presence.md.
 */
import type { ChannelEvents, RefOrName, RoomShape } from "sente-sync";
import { presence, type RoomUser, type Unsubscribe } from "sente-sync/client";
import { adopt, colorOf, create, initialsOf, nameOf } from "./looks.ts";

export interface AvatarStackOptions<D = unknown> {
  /** More are a number. Default 5. */
  readonly max?: number;
  /** Default: the `name` of the data of one of its members, or of the user. */
  readonly label?: (user: RoomUser<D>) => string;
  /** Draws one, and anew when something of it changed. */
  readonly render?: (user: RoomUser<D>) => Node;
}

const css = `
ul:where(.sente-avatars) { display: flex; list-style: none; margin: 0; padding: 0 }
li:where(.sente-avatar) {
  display: grid; place-items: center; box-sizing: border-box; margin: 0; overflow: hidden; border-radius: 50%;
  width: var(--sente-avatar-size, 32px); height: var(--sente-avatar-size, 32px);
  border: 2px solid var(--sente-avatar-ring, #fff); font: 600 12px/1 system-ui, sans-serif; color: #fff;
  background: var(--sente-color, hsl(0 0% 40%));
}
li:where(.sente-avatar):not(:where(:first-child)) { margin-inline-start: calc(var(--sente-avatar-size, 32px) / -4) }
li:where(.sente-avatar[data-status="away"], .sente-avatar[data-status="reconnecting"]) { opacity: 0.5 }`;

interface Drawn {
  readonly element: HTMLLIElement;
  user?: RoomUser;
}

/** Called back, it ends, and the list is as empty as before. */
export function avatarStack<D, I, E extends ChannelEvents>(
  client: object,
  ref: RefOrName<"presence", RoomShape<D, I, E>>,
  list: HTMLUListElement,
  { max = 5, label = labelOf, render }: AvatarStackOptions<D> = {},
): Unsubscribe {
  const drawn = new Map<string, Drawn>();
  const more = create("li", "avatar");
  const make = (id: string): Drawn => {
    const one: Drawn = { element: create("li", "avatar") };
    one.element.style.setProperty("--sente-color", colorOf(id));
    drawn.set(id, one);
    return one;
  };
  const show = (one: Drawn, user: RoomUser<D>): void => {
    const name = label(user);
    one.user = user;
    one.element.title = name;
    one.element.dataset["status"] = user.status;
    one.element.replaceChildren(render ? render(user) : initialsOf(name));
  };

  const draw = (everybody: readonly RoomUser<D>[]): void => {
    const users = everybody.filter(({ status }) => status !== "offline");
    const gone = new Set(drawn.keys());
    const items = users.slice(0, max).map((user) => {
      const { id } = user.user as { readonly id: string };
      gone.delete(id);
      const one = drawn.get(id) ?? make(id);
      if (one.user !== user) show(one, user);
      return one.element;
    });
    for (const id of gone) {
      drawn.get(id)?.element.remove();
      drawn.delete(id);
    }
    const left = users.length - items.length;
    more.textContent = `+${left}`;
    more.title = `${left} more`;
    if (left) items.push(more);
    else more.remove();
    for (const [at, item] of items.entries()) if (list.children[at] !== item) list.insertBefore(item, list.children[at] ?? null);
  };

  list.classList.add("sente-avatars");
  if (!list.hasAttribute("aria-label")) list.setAttribute("aria-label", "Who is here");
  adopt(list, css);
  const stop = presence(client, ref).users.subscribe(draw);
  return () => {
    stop();
    draw([]);
  };
}

const labelOf = ({ user, members }: RoomUser): string => nameOf(user, members[0]?.data);

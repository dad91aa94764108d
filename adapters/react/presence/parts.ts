/**
 * `Cursors` and `AvatarStack`: others' pointers over a part of the page, and who is here. They look plain: class names, CSS variables
 * and a `render` of one's own change all of it.
 *
 * Always: a colour is the user's, the same for everybody; what is shown of somebody is text, never markup.
 * Rules: docs/guides/presence.md.
 */
import { type CSSProperties, createElement, Fragment, type ReactElement, type ReactNode } from "react";
import type { ChannelEvents } from "sente-sync";
import type { Pointer, PointerOptions, RoomUser } from "sente-sync/client";
import { colorOf, initialsOf, nameOf } from "sente-sync/dom";
import { type RoomRef, useRoomUsers } from "./hooks.ts";
import { usePointer } from "./live.ts";

export interface CursorsProps<D, I, E extends ChannelEvents> extends PointerOptions {
  readonly of: RoomRef<D, I, E>;
  /** What the pointers go over. */
  readonly children?: ReactNode;
  readonly className?: string;
  readonly style?: CSSProperties;
  /** Default: the `name` of the member's data, or of its user. */
  readonly label?: (pointer: Pointer<D>) => string;
  /** Draws one; it is put in its place already. */
  readonly render?: (pointer: Pointer<D>) => ReactNode;
}

const arrow = "M0 0 L0 16 L4.5 12 L7.5 18.5 L10 17.5 L7 11 L12.5 11 Z";

/** A part of the page over which everybody's pointers are shown. CSS: `.sente-cursor`, `.sente-cursor-label`, `--sente-color`. */
export function Cursors<D, I, E extends ChannelEvents>(props: CursorsProps<D, I, E>): ReactElement {
  const { of, children, className, style, label, render, ...options } = props;
  const [shown, handlers] = usePointer(of, options);
  const draw = (pointer: Pointer<D>): ReactElement => {
    const { member, x, y } = pointer;
    const color = colorOf((member.user as { readonly id: string }).id);
    const text = label ? label(pointer) : nameOf(member.user, member.data);
    const place = {
      "position": "absolute",
      "left": 0,
      "top": 0,
      "transform": `translate(${x}px, ${y}px)`,
      "pointerEvents": "none",
      "zIndex": 1000,
      "--sente-color": color,
    } as CSSProperties;
    const plain = createElement(
      Fragment,
      undefined,
      createElement(
        "svg",
        { width: 14, height: 20, "aria-hidden": true, style: { display: "block", fill: "var(--sente-color)", stroke: "#fff" } },
        createElement("path", { d: arrow }),
      ),
      createElement("span", { className: "sente-cursor-label", style: labelStyle }, text),
    );
    const attributes = { key: member.id, className: "sente-cursor", "data-status": member.status, style: place };
    return createElement("div", attributes, render ? render(pointer) : plain);
  };
  return createElement(
    "div",
    { ...handlers, className, style: { position: "relative", overflow: "hidden", ...style } },
    children,
    shown.map(draw),
  );
}

const labelStyle: CSSProperties = {
  display: "inline-block",
  marginLeft: 10,
  padding: "1px 6px",
  borderRadius: 6,
  font: "12px/1.5 system-ui, sans-serif",
  whiteSpace: "nowrap",
  color: "#fff",
  background: "var(--sente-color)",
};

export interface AvatarStackProps<D, I, E extends ChannelEvents> {
  readonly of: RoomRef<D, I, E>;
  /** More are a number. Default 5. */
  readonly max?: number;
  readonly className?: string;
  readonly style?: CSSProperties;
  readonly label?: (user: RoomUser<D>) => string;
  /** Draws one. */
  readonly render?: (user: RoomUser<D>) => ReactNode;
}

/** Who is here, one avatar per person. CSS: `.sente-avatar`, `[data-status]`, `--sente-avatar-size`, `--sente-color`. */
export function AvatarStack<D, I, E extends ChannelEvents>(props: AvatarStackProps<D, I, E>): ReactElement {
  const { of, max = 5, className, style, label, render } = props;
  const users = useRoomUsers(of).filter(({ status }) => status !== "offline");
  const avatar = (key: string, title: string, text: ReactNode, status: string, color: string, index: number): ReactElement => {
    const looks = {
      ...avatarStyle,
      "marginInlineStart": index ? "calc(var(--sente-avatar-size, 32px) / -4)" : 0,
      "opacity": status === "online" ? 1 : 0.5,
      "--sente-color": color,
    } as CSSProperties;
    return createElement("li", { key, title, className: "sente-avatar", "data-status": status, style: looks }, text);
  };
  const shown = users.slice(0, max).map((each, index) => {
    const { id } = each.user as { readonly id: string };
    const name = label ? label(each) : nameOf(each.user, each.members[0]?.data);
    return avatar(id, name, render ? render(each) : initialsOf(name), each.status, colorOf(id), index);
  });
  const rest = users.length - shown.length;
  if (rest > 0) shown.push(avatar(" ", `${rest} more`, `+${rest}`, "online", "hsl(0 0% 40%)", shown.length));
  return createElement("ul", { className, "aria-label": "Who is here", style: { ...stackStyle, ...style } }, shown);
}

const stackStyle: CSSProperties = { display: "flex", listStyle: "none", margin: 0, padding: 0 };

const avatarStyle: CSSProperties = {
  display: "grid",
  placeItems: "center",
  width: "var(--sente-avatar-size, 32px)",
  height: "var(--sente-avatar-size, 32px)",
  borderRadius: "50%",
  border: "2px solid var(--sente-avatar-ring, #fff)",
  font: "600 12px/1 system-ui, sans-serif",
  color: "#fff",
  background: "var(--sente-color)",
  overflow: "hidden",
};

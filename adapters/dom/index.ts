/** `sente-sync/dom`: cursors and avatars drawn into a page by plain DOM; the bindings without components of their own are made of it. */
export { type AvatarStackOptions, avatarStack } from "./avatars.ts";
export { type CursorsOptions, cursors } from "./cursors.ts";
export { colorOf, initialsOf, nameOf } from "./looks.ts";

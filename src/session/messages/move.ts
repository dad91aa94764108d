/**
 * The messages by which a session changes from one connection to another without losing its place: a better packer, a better transport.
 *
 *   up, old   [:sync/move]                                   the last message of the old connection
 *   up, new   [:sync/hello {:v 1 :session s :token t :move true}]
 *   down, old [[[:sync/moved]] nil]                          the last message of the old connection
 *   down, new {… :moved true}                                the answer to hello
 *
 * What comes on the new connection is held by either side until the other's last message on the old one has come.
 * Rules: docs/protocol/upgrade.md MOVE1-MOVE6.
 */

export const moveEvent = "sync/move";
export const movedEvent = "sync/moved";

/** Whether a hello is that of a connection which takes over from another. */
export function wantsMove(hello: unknown): boolean {
  return typeof hello === "object" && hello !== null && (hello as { readonly move?: unknown }).move === true;
}

/** What the server and the pages of the guides to presence share. */
// #region contract
import { defineRoom, type } from "sente-sync";

interface Guest {
  name: string;
  cursor: { x: number; y: number } | null;
  typing?: boolean;
}

export const cursors = defineRoom("cursors/:room", {
  schema: type<Guest>(), // or a schema of your library: the server asks it
  events: { ping: type<{ x: number; y: number }>() },
  stage: type<{ slide: number }>(), // only for presenters
});
// #endregion

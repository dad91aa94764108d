/** What the React and the Svelte page do alike. */

/** `?board=` in the address; everybody without one is on the same. */
export const boardInAddress = (): string => new URLSearchParams(location.search).get("board")?.slice(0, 40) || "everybody";

/** What stands over the board while this window follows somebody. */
export const followed = (name: string): string => `You see what ${name} sees. Move the view to go your own way.`;

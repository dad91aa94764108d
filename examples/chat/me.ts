/** The places of the chat, as the address has them. */

/** `room/Kitchen` or `person/Ada`, as the address has it behind `#`. */
export interface Place {
  readonly key: string;
  readonly isRoom: boolean;
  readonly name: string;
}

export function placeOf(key: string): Place {
  return { key, isRoom: key.startsWith("room/"), name: key.slice(key.indexOf("/") + 1) };
}

export function placeInAddress(): Place {
  const key = decodeURIComponent(location.hash.slice(1));
  return placeOf(/^(room|person)\/./.test(key) ? key : "room/Kitchen");
}

export const linkTo = ({ key }: Place): string => `#${encodeURIComponent(key)}`;

export function goTo(place: Place): void {
  location.hash = linkTo(place);
}

/** Calls `run` whenever the address names another place. */
export function followAddress(run: (place: Place) => void): () => void {
  const changed = (): void => {
    if (location.hash !== "#page") run(placeInAddress());
  };
  addEventListener("hashchange", changed);
  return () => removeEventListener("hashchange", changed);
}

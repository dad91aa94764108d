/** Who is at this window: its address says so, or what was chosen last on this machine, or a name to begin with. */
import { readName } from "./contract.ts";

const key = "sente-sync chat name";
const names = ["Ada", "Grace", "Alan", "Barbara", "Edsger", "Margaret", "Donald", "Hedy"];

export function nameOfWindow(): string {
  const known = readName(new URLSearchParams(location.search).get("name")) ?? readName(localStorage.getItem(key));
  const name = known ?? (names[Math.floor(Math.random() * names.length)] as string);
  if (!location.search) localStorage.setItem(key, name);
  // Whoever opens a second window wants to talk to somebody.
  const other = names.find((each) => each !== name) as string;
  document.querySelector("#second-window")?.setAttribute("href", `?name=${other}`);
  return name;
}

export function rename(name: string): void {
  if (location.search) history.replaceState(null, "", `?name=${encodeURIComponent(name)}${location.hash}`);
  else localStorage.setItem(key, name);
}

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

/** People by their names: what a name is, whose window this is, and how somebody looks. */

const key = "sente-sync chat name";
const names = ["Ada", "Grace", "Alan", "Barbara", "Edsger", "Margaret", "Donald", "Hedy"];

/** Null: it is none. */
export function readName(text: string | null): string | null {
  const name = text?.trim().replace(/\s+/g, " ") ?? "";
  return /^[\p{L}\p{N}][\p{L}\p{N} '.-]{0,23}$/u.test(name) ? name : null;
}

/** The address says so, or what was chosen last on this machine, or it is a name to begin with. */
export function nameOfWindow(): string {
  const known = readName(new URLSearchParams(location.search).get("name")) ?? readName(localStorage.getItem(key));
  const name = known ?? (names[Math.floor(Math.random() * names.length)] as string);
  if (!location.search) localStorage.setItem(key, name);
  // Whoever opens a second window wants to meet somebody.
  const other = names.find((each) => each !== name) as string;
  document.querySelector("#second-window")?.setAttribute("href", `?name=${other}`);
  return name;
}

export function rename(name: string): void {
  if (location.search) history.replaceState(null, "", `?name=${encodeURIComponent(name)}${location.hash}`);
  else localStorage.setItem(key, name);
}

/** The same colour in every window, by the name, which stands beside it. */
export function toneOf(name: string): string {
  let hash = 0;
  for (const char of name) hash = (hash * 411 + (char.codePointAt(0) ?? 0)) >>> 0;
  return `var(--tone-${(hash % 12) + 1})`;
}

export const initialOf = (name: string): string => /^./u.exec(name)?.[0] ?? "";

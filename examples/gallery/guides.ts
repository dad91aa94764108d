/** The guides of docs/guides, in the order to read them: what they are called, and what each of them stands under. */
import { readdirSync, readFileSync } from "node:fs";

export interface Guide {
  readonly name: string;
  readonly title: string;
  /** Its first sentence. */
  readonly about: string;
  readonly markdown: string;
}

export interface Chapter {
  readonly title: string;
  readonly guides: readonly Guide[];
}

const folder = new URL("../../docs/guides/", import.meta.url);
const table: readonly (readonly [title: string, names: readonly string[]])[] = [
  ["Begin here", ["getting-started", "stores", "events", "connection-states", "react", "svelte", "web-components"]],
  [
    "What people share",
    [
      "presence",
      "channels",
      "inbox",
      "shared-state",
      "mutations",
      "own-kinds",
      "forms",
      "documents",
      "document-versions",
      "whiteboard",
      "presenter",
    ],
  ],
  [
    "When it matters",
    ["authentication", "permissions", "offline", "undo", "batches", "queues", "durability", "versions", "testing"],
  ],
  ["Beside what you have", ["transports-and-packers", "clojure", "moving-from-yjs"]],
];

function readGuide(name: string): Guide {
  const markdown = readFileSync(new URL(`${name}.md`, folder), "utf8");
  const [, title = name, about = ""] = /^# (.+)\n\n([\s\S]*?[.:])(?=\s)/.exec(markdown) ?? [];
  const plain = about.replaceAll("\n", " ").replace(/[*`]|\[|\]\([^)]*\)/g, "");
  return { name, title, about: plain.replace(/:$/, "."), markdown };
}

const names = readdirSync(folder).flatMap((file) => (file.endsWith(".md") ? [file.slice(0, -3)] : []));
const placed = new Set(table.flatMap(([, chapter]) => chapter));

/** What the table does not name yet stands at its end. */
export const chapters: readonly Chapter[] = table.map(([title, chapter], index) => {
  const rest = index === table.length - 1 ? names.filter((name) => !placed.has(name)) : [];
  return { title, guides: [...chapter, ...rest].map(readGuide) };
});

export const guides: readonly Guide[] = chapters.flatMap((chapter) => chapter.guides);

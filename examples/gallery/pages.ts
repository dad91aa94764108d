/** Every page of the gallery: what it is called, what to try on it, and the lines of its own source that matter. */
import type { Server } from "node:http";
import { start as startBoard } from "../board/server.ts";
import { start as startChat } from "../chat/keeper.ts";
import { start as startDashboard } from "../dashboard/server.ts";
import { start as startEditor } from "../editor/server.ts";
import { start as startForm } from "../form/server.ts";
import { start as startPeers } from "../peers/server.ts";
import { start as startPresence } from "../presence/server.ts";
import { start as startQuickStart } from "../quick-start/gallery.ts";
import { start as startWhiteboard } from "../whiteboard/server.ts";

/** A server of an example; it knows nothing of the gallery. */
export interface Running {
  readonly sync: { attach(server: Server, options: { path: string }): () => void };
  /** Kills the process that serves; another one is started. */
  kill?(): void;
  close(): Promise<void>;
}

/** Lines of a file under examples/, between `#region` and `#endregion`: one region after another. */
export interface Excerpt {
  readonly title: string;
  readonly file: string;
  readonly regions: readonly string[];
}

export interface Page {
  /** The page's HTML below examples/. */
  readonly html: string;
  readonly framework: "React" | "Svelte" | "Plain HTML";
  readonly how: readonly Excerpt[];
}

export interface Example {
  /** Also its folder, and the first part of its path. */
  readonly name: string;
  readonly title: string;
  /** One sentence on what it is, for its card. */
  readonly about: string;
  /** One sentence on what to try. */
  readonly lead: string;
  readonly kinds: readonly string[];
  readonly guide: string;
  /** What it keeps outlives its server, which is a process of its own: its button kills it. */
  readonly isDurable?: true;
  readonly pages: readonly Page[];
  start(): Running;
}

const dashboardServer: Excerpt = { title: "The server publishes", file: "dashboard/server.ts", regions: ["serve"] };
const chatHow: readonly Excerpt[] = [
  { title: "What both sides share", file: "chat/contract.ts", regions: ["contract"] },
  { title: "A room, and one person", file: "chat/talk.ts", regions: ["room", "direct"] },
];
const chatServer: readonly Excerpt[] = [
  { title: "The server", file: "chat/server.ts", regions: ["serve"] },
  { title: "It is killed, and started again", file: "chat/keeper.ts", regions: ["keep"] },
];
const boardHow: readonly Excerpt[] = [
  { title: "What both sides share", file: "board/contract.ts", regions: ["contract"] },
  { title: "The server says no", file: "board/server.ts", regions: ["serve"] },
];
const formHow: readonly Excerpt[] = [
  { title: "What both sides share", file: "form/contract.ts", regions: ["contract"] },
  { title: "The server checks, counts and fills in", file: "form/server.ts", regions: ["serve"] },
];
const presenceHow: readonly Excerpt[] = [
  { title: "What both sides share", file: "presence/contract.ts", regions: ["contract"] },
  { title: "The server", file: "presence/server.ts", regions: ["serve"] },
];
const editorHow: readonly Excerpt[] = [
  { title: "What both sides share", file: "editor/contract.ts", regions: ["contract"] },
  { title: "CodeMirror on the document", file: "editor/editor.ts", regions: ["editor"] },
];
const editorServer: Excerpt = { title: "The server", file: "editor/server.ts", regions: ["serve"] };
const whiteboardHow: readonly Excerpt[] = [
  { title: "What both sides share", file: "whiteboard/contract.ts", regions: ["contract"] },
  { title: "A stroke is told while it is drawn, and written once", file: "whiteboard/tools.ts", regions: ["pen"] },
  { title: "A drag is one step to undo", file: "whiteboard/tools.ts", regions: ["move"] },
];
const whiteboardServer: Excerpt = { title: "The server", file: "whiteboard/server.ts", regions: ["serve"] };
const quickStartServer: Excerpt = { title: "The server owns the value", file: "quick-start/gallery.ts", regions: ["serve"] };

export const examples: readonly Example[] = [
  {
    name: "whiteboard",
    title: "Whiteboard",
    about: "Pens, shapes and notes that many people draw at once, with everybody's cursor, and undo for each.",
    lead: "Open a second window and draw in both at once. Then cut the line of one and go on: it is on all boards when the line is back.",
    kinds: ["shared", "presence"],
    guide: "whiteboard",
    pages: [
      {
        html: "whiteboard/react.html",
        framework: "React",
        how: [
          ...whiteboardHow,
          { title: "The page", file: "whiteboard/react.tsx", regions: ["page", "client"] },
          whiteboardServer,
        ],
      },
      {
        html: "whiteboard/svelte/index.html",
        framework: "Svelte",
        how: [
          ...whiteboardHow,
          { title: "The page", file: "whiteboard/svelte/whiteboard.svelte", regions: ["script", "markup"] },
          whiteboardServer,
        ],
      },
    ],
    start: startWhiteboard,
  },
  {
    name: "chat",
    title: "Chat",
    about: "Rooms with history, messages to people who are away, and a server that may die at any moment.",
    lead: "Open a second window and talk. Then close that one, write to who left, and kill the server under you: nothing is lost.",
    kinds: ["channel", "inbox", "atom"],
    guide: "channels",
    isDurable: true,
    pages: [
      {
        html: "chat/react.html",
        framework: "React",
        how: [...chatHow, { title: "The page", file: "chat/react.tsx", regions: ["page", "unread"] }, ...chatServer],
      },
      {
        html: "chat/svelte/index.html",
        framework: "Svelte",
        how: [...chatHow, { title: "The page", file: "chat/svelte/chat.svelte", regions: ["page"] }, ...chatServer],
      },
    ],
    start: startChat,
  },
  {
    name: "editor",
    title: "Collaborative editor",
    about: "A Markdown page that several people write at once in CodeMirror, with everybody's cursor, offline too.",
    lead: "Open a second window and write in both. Then cut the line of one, go on in both, and see them come together.",
    kinds: ["doc", "presence"],
    guide: "documents",
    pages: [
      {
        html: "editor/react.html",
        framework: "React",
        how: [
          ...editorHow,
          { title: "The page", file: "editor/react.tsx", regions: ["words", "people", "versions", "client"] },
          editorServer,
        ],
      },
      {
        html: "editor/svelte/index.html",
        framework: "Svelte",
        how: [
          ...editorHow,
          { title: "The page", file: "editor/svelte/editor.svelte", regions: ["script", "markup"] },
          editorServer,
        ],
      },
    ],
    start: startEditor,
  },
  {
    name: "board",
    title: "To-do board",
    about: "Cards that everybody moves at once, and a server that says no: what it rejects is taken back, alone.",
    lead: "Open a second window and remove the other one's card: it comes back, with the reason. Then cut the line, and go on working.",
    kinds: ["store"],
    guide: "mutations",
    pages: [
      {
        html: "board/react.html",
        framework: "React",
        how: [
          ...boardHow,
          { title: "The page", file: "board/react.tsx", regions: ["page", "rejected"] },
          { title: "Whether everything is stored", file: "shared/parts.tsx", regions: ["saved"] },
        ],
      },
      {
        html: "board/svelte/index.html",
        framework: "Svelte",
        how: [
          ...boardHow,
          { title: "The page", file: "board/svelte/board.svelte", regions: ["script", "markup"] },
          { title: "Whether everything is stored", file: "shared/saved.svelte", regions: ["saved"] },
        ],
      },
    ],
    start: startBoard,
  },
  {
    name: "form",
    title: "Sign-up form",
    about: "A form that several people fill in together, checked by the server while they type, and taken once.",
    lead: "Open a second window and type in both: who is where is shown. Write into one field from both sides, and choose.",
    kinds: ["form"],
    guide: "forms",
    pages: [
      {
        html: "form/react.html",
        framework: "React",
        how: [
          ...formHow,
          { title: "A row", file: "form/parts.tsx", regions: ["row"] },
          { title: "The page", file: "form/react.tsx", regions: ["page", "client"] },
        ],
      },
      {
        html: "form/svelte/index.html",
        framework: "Svelte",
        how: [
          ...formHow,
          { title: "A row", file: "form/svelte/row.svelte", regions: ["row", "markup"] },
          { title: "The page", file: "form/svelte/sign-up.svelte", regions: ["script", "markup"] },
        ],
      },
    ],
    start: startForm,
  },
  {
    name: "dashboard",
    title: "Live dashboard",
    about: "A server's own figures: the newest from an atom, the last minutes from a channel.",
    lead: "Open a second window, then cut the line of this one: the curve stops, comes back, and not one point is missing.",
    kinds: ["atom", "channel"],
    guide: "connection-states",
    pages: [
      {
        html: "dashboard/react.html",
        framework: "React",
        how: [
          { title: "The page reads", file: "dashboard/react.tsx", regions: ["points", "figure", "work", "client"] },
          dashboardServer,
        ],
      },
      {
        html: "dashboard/svelte/index.html",
        framework: "Svelte",
        how: [
          { title: "The page reads", file: "dashboard/svelte/dashboard.svelte", regions: ["script", "markup"] },
          dashboardServer,
        ],
      },
    ],
    start: startDashboard,
  },
  {
    name: "presence",
    title: "Who reads this",
    about: "An ordinary page with ten lines more: who is here, and where each of them points.",
    lead: "Open a second window and point at something. Then close it, or cut its line: who is gone is gone, who is back was never away.",
    kinds: ["presence"],
    guide: "presence",
    pages: [
      {
        html: "presence/react.html",
        framework: "React",
        how: [{ title: "The page", file: "presence/react.tsx", regions: ["page", "client"] }, ...presenceHow],
      },
      {
        html: "presence/svelte/index.html",
        framework: "Svelte",
        how: [{ title: "The page", file: "presence/svelte/plan.svelte", regions: ["script", "markup"] }, ...presenceHow],
      },
      {
        html: "presence/plain.html",
        framework: "Plain HTML",
        how: [
          { title: "The page", file: "presence/plain.html", regions: ["page"] },
          { title: "Its script", file: "presence/plain.ts", regions: ["script"] },
          { title: "Looks", file: "presence/plain.css", regions: ["parts"] },
          ...presenceHow,
        ],
      },
    ],
    start: startPresence,
  },
  {
    name: "quick-start",
    title: "One number, everywhere",
    about: "The least there is: a value on the server, shown live in every window.",
    lead: "Open a second window and press the button: the number is the server's, so it changes in both.",
    kinds: ["atom"],
    guide: "getting-started",
    pages: [
      {
        html: "quick-start/react.html",
        framework: "React",
        how: [{ title: "The page reads and tells", file: "quick-start/react.tsx", regions: ["page"] }, quickStartServer],
      },
      {
        html: "quick-start/svelte/index.html",
        framework: "Svelte",
        how: [
          { title: "The page reads and tells", file: "quick-start/svelte/visitors.svelte", regions: ["script", "markup"] },
          quickStartServer,
        ],
      },
    ],
    start: startQuickStart,
  },
  {
    name: "peers",
    title: "A page and a process",
    about: "One server, a page over WebSocket and a child process over a pipe: both run the same lines and are the same to it.",
    lead: "Set everybody to work: they look for primes. Kill the child meanwhile: the window goes on, and the child that is started again reads every line.",
    kinds: ["atom", "channel"],
    guide: "transports-and-packers",
    pages: [
      {
        html: "peers/react.html",
        framework: "React",
        how: [
          { title: "What every peer does", file: "peers/peer.ts", regions: ["peer"] },
          { title: "The child process", file: "peers/child.ts", regions: ["child"] },
          { title: "The page", file: "peers/react.tsx", regions: ["client", "page", "ask"] },
          { title: "The server", file: "peers/server.ts", regions: ["serve", "spawn"] },
        ],
      },
    ],
    start: startPeers,
  },
];

/** `dashboard/svelte/index.html` is served at `/dashboard/svelte/`. */
export const pathOf = (html: string): string => `/${html.replace(/(^|\/)index\.html$/, "$1").replace(/\.html$/, "")}`;

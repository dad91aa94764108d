/** The board's server: pages come to it over WebSocket, its child process over a pipe, and it treats them the same. */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { atom, channel, createServer, type Server } from "sente-sync/server";
import { spawnClient } from "sente-sync/transports/stdio";
import type { Running } from "../shared/running.ts";
import { board, events, lines, type PeerCard, step } from "./contract.ts";

const keptLines = 500;
const startAgainMs = 1500;
const firstNumber = 1_000_000;
const unknown: PeerCard = { isHere: false, what: "", primes: 0, transport: "", isWorking: false, last: 0, missing: 0 };

/** How a child is started from TypeScript; what is built needs its file's name alone. */
const folder = fileURLToPath(new URL(".", import.meta.url));
const command = ["--import", "tsx", "--conditions=source", `${folder}child.ts`];

export function start(): Running<Server<typeof events>> {
  // #region serve
  const sync = createServer({
    events,
    // What comes over a pipe has no request, so no page can pass for the child.
    authenticate: ({ request, url }) => ({ id: request ? `page-${url.searchParams.get("client-id")?.slice(0, 4)}` : "child" }),
    onConnect({ id, user }) {
      present.set(user.id, id);
      change(user.id, { isHere: true, ...(user.id !== "child" && { what: "a window" }) });
    },
    onDisconnect({ id, user }) {
      if (present.get(user.id) === id) change(user.id, { isHere: false, isWorking: false });
    },
    onUserClose: (id) => id !== "child" && live.update(({ peers }) => void delete peers[id]),
  });
  /** By which connection: a new one may come before the old one is known to be gone. */
  const present = new Map<string, string>();
  const live = atom(sync, board);
  const change = (id: string, fields: Partial<PeerCard>): void =>
    live.update(({ peers }) => void (peers[id] = { ...unknown, ...peers[id], ...fields }));

  let next = firstNumber;
  sync.on("peers/take", () => (next += step) - step);
  sync.on("peers/report", ({ user, data }) => change(user.id, data));
  sync.on("peers/ask", ({ data }) => sync.send(data.peer, "peers/work"));

  const log = channel(sync, lines, { retention: { maxEntries: keptLines } });
  log.subscribe(({ data }) =>
    live.update((draft) => {
      const finder = draft.peers[data.by];
      if (finder) finder.primes += data.primes;
      draft.primes += data.primes;
    }),
  );
  // #endregion

  // #region spawn
  let child: ChildProcess;
  let starts = 0;
  let again: ReturnType<typeof setTimeout> | undefined;
  const run = (): void => {
    child = spawnClient(sync, process.execPath, command, { spawn: { cwd: folder } });
    change("child", { what: `process ${child.pid}, start ${++starts}` });
    child.on("error", (error) => console.error("The child cannot be started:", error));
    child.once("close", () => (again = setTimeout(run, startAgainMs)));
  };
  run();
  sync.on("peers/kill", () => void child.kill("SIGKILL"));
  // #endregion

  return {
    sync,
    async close() {
      child.removeAllListeners("close");
      clearTimeout(again);
      await sync.close();
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill();
      await once(child, "close");
    },
  };
}

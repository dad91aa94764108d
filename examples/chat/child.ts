/** The process that serves the chat, and is killed: started by keeper.ts with a folder, a port and what it should say of itself. */
import { serveChat } from "./server.ts";

const [folder = "", port = "0", starts = "1", downSinceMs = "0"] = process.argv.slice(2);

const sync = await serveChat(folder, {
  pid: process.pid,
  starts: Number(starts),
  downMs: Number(downSinceMs) && Date.now() - Number(downSinceMs),
});
process.send?.(await sync.listen(Number(port), { host: "127.0.0.1", path: "/chat/chsk" }));

// Asked to end, it answers first what it has read. Killed, it does not get here.
const end = (): void => void sync.close({ drain: true }).then(() => process.exit(0));
process.once("SIGTERM", end);
process.once("disconnect", end);

#!/usr/bin/env node
/**
 * `npm run bench`: the benches that need nothing but the root's dependencies, ours beside raw `ws`, in one table.
 * Peers join in where they are installed (`npm install` in this folder; README.md says how).
 *
 *     node test/bench/bench.mjs [fanout fanout1k rpc idle codec lww yjs-relay yjs-load] [--quick] [--rounds n] [--conns n] [--json file] [--md file]
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const ours = `${here}target.mjs`;
const require = createRequire(import.meta.url);

/** Targets by the package they need; `ws` and `edn-data` are the root's own. */
const packageOf = { socketio: "socket.io", hocuspocus: "@hocuspocus/server", "y-websocket2": "y-websocket-2" };
const wanted = {
  fanout: ["ws", "socketio", "hocuspocus"],
  fanout1k: ["ws", "socketio", "hocuspocus"],
  rpc: ["ws", "socketio"],
  idle: ["ws", "socketio", "hocuspocus", "y-websocket2"],
  codec: ["json", "edn-data"],
  lww: ["limit-lww"],
  "yjs-relay": ["ws-relay", "hocuspocus", "y-websocket2"],
  "yjs-load": ["limit-yrelay", "hocuspocus", "y-websocket2"],
};

const isInstalled = (target) => {
  const name = packageOf[target];
  if (name === undefined) return true;
  return (require.resolve.paths(name) ?? []).some((folder) => existsSync(`${folder}/${name}/package.json`));
};

const args = process.argv.slice(2);
const names = [];
const flags = [];
for (let i = 0; i < args.length; i++) {
  const arg = args[i];
  if (!arg.startsWith("--")) names.push(arg);
  else flags.push(arg, ...(arg !== "--quick" && args[i + 1] !== undefined ? [args[++i]] : []));
}
for (const name of names) {
  if (!(name in wanted)) {
    console.error(`No bench "${name}" here; there are ${Object.keys(wanted).join(", ")}. The others need peers: node run.mjs.`);
    process.exit(2);
  }
}
if (!existsSync(ours)) {
  console.error("test/bench/target.mjs is missing, so there is nothing of ours to measure.");
  process.exit(1);
}
if (!existsSync(`${here}../../dist`)) {
  console.error("dist/ is missing: run `npm run build` first (`npm run bench` does).");
  process.exit(1);
}

mkdirSync(`${here}out`, { recursive: true });
let failed = false;
for (const name of names.length > 0 ? names : Object.keys(wanted)) {
  const absent = wanted[name].filter((target) => !isInstalled(target));
  if (absent.length > 0) console.error(`[${name}] without ${absent.join(", ")}: not installed`);
  const targets = [...wanted[name].filter(isInstalled), name === "codec" ? `${ours}#edn` : ours];
  const conns = name === "idle" && !flags.includes("--conns") ? ["--conns", "2000"] : [];
  const child = spawn(process.execPath, [`${here}run.mjs`, name, "--targets", targets.join(","), ...conns, ...flags], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (text) => {
    output += text;
    process.stdout.write(text);
  });
  const code = await new Promise((resolve) => child.once("exit", resolve));
  if (code !== 0 || output.includes("\nfailed: ")) failed = true;
}
process.exit(failed ? 1 : 0);

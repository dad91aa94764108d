/** The example in docs/protocol.md is a session that happens: the client's lines are said, the server's are expected. */
import { defineAtom, defineChannel, keyword } from "sente-sync";
import { atom, channel } from "sente-sync/server";
import { expect, test } from "vitest";
import { createWorld, type World } from "../server/world.ts";
import { splitFences } from "../support/markdown.ts";
import { read } from "../support/sources.ts";

const [plain, ours] = splitFences(read("docs/protocol.md"))
  .fences.filter(({ text }) => text.startsWith("< "))
  .map(({ text }) => text.split("\n"));

function openWorld(): World {
  const world = createWorld({
    authenticate: ({ url }) => ({ id: url.searchParams.get("uid") ?? "" }),
    handshakeData: () => ({ hello: "world" }),
  });
  const stats = atom(world.sync, defineAtom("stats", { initial: { visitors: 0 } }));
  channel(world.sync, defineChannel("room/:id"));
  const visit = (): void => stats.update((draft) => void draft.visitors++);
  visit();
  world.sync.on("app/visit", visit);
  world.sync.on("app/echo", ({ data }) => data);
  world.sync.on("app/push", ({ data, peer }) => {
    for (let n = 0; n < (data as number); n++) peer.send("app/pushed", n);
    return keyword("ok");
  });
  return world;
}

async function replay(lines: readonly string[], query: string): Promise<void> {
  const peer = await openWorld().peer(query);
  let heard = 0;
  for (const line of lines) {
    if (line.startsWith("> ")) {
      await peer.say(line.slice(2));
      continue;
    }
    const frame = (peer.frames[heard++] ?? "").replace(/"[0-9a-f]{8,}(-[0-9a-f]{4,})*"|"[^"]*~[^"]*"/g, '"…"');
    expect(`< ${frame}`).toBe(line);
  }
  expect(peer.frames.length).toBe(heard);
}

test("WRAP1, WRAP2, HAND1, EVENT1, REPLY1, REPLY3 and REPLY4 in the document's session of a plain Sente peer", () =>
  replay(plain ?? [], "client-id=c1&uid=ada"));

test("HELLO1, SUB1, SUB4, SUB5, SUB6, SUB11 and WRITE1 in the document's session of a peer of ours", () =>
  replay(ours ?? [], "client-id=c2&uid=ada&sync=1"));

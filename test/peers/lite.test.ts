/** A ClojureScript program that speaks sente_lite, our server, and a client of ours beside it, over real sockets. */
import { defineAtom, defineChannel, keyword, type } from "sente-sync";
import { atom as clientAtom, channel as clientChannel, createClient } from "sente-sync/client";
import { type SenteLiteOptions, senteLite } from "sente-sync/lite";
import { atom, channel, createServer, type ServerOptions } from "sente-sync/server";
import { expect, onTestFinished, test } from "vitest";
import { type Peer, startPeer } from "./peer.ts";

const roomRef = defineChannel("room/1", { events: { message: type<unknown>() } });
const statsRef = defineAtom("stats", { initial: { n: 0, tags: new Set([keyword("a")]) } });

async function serve(options: Omit<ServerOptions, "events"> = {}, liteOptions: SenteLiteOptions = {}) {
  const sync = createServer({ onError: () => {}, ...options });
  onTestFinished(() => sync.close());
  const room = channel(sync, roomRef);
  const stats = atom(sync, statsRef);
  senteLite(sync, { atoms: [stats], ...liteOptions });
  const port = await sync.listen(0, { host: "127.0.0.1" });
  const client = createClient(`ws://127.0.0.1:${port}/chsk`);
  onTestFinished(() => client.close());
  return { sync, room, stats, port, client };
}

/** One that has had its handshake, and its uid. */
async function connect(port: number): Promise<{ peer: Peer; uid: string }> {
  const peer = startPeer("sente_lite_client", `ws://127.0.0.1:${port}/lite`);
  onTestFinished(() => peer.stop());
  return { peer, uid: uidIn(await peer.next()) };
}

function uidIn(line: string): string {
  const [, uid] = line.match(/^\[:handshake \["([0-9a-f]{8})" nil \{:sente-lite-version "2\.0\.0"\} true\]\]$/) ?? [];
  return uid ?? line;
}

const odd = /^\[:(odd|binary|ws-error)/;

test("LITE9, LITE11 and LITE12 a ClojureScript peer and a client of ours share a channel", async () => {
  const { room, port, client } = await serve();
  const { peer, uid } = await connect(port);
  const heard: unknown[] = [];
  const ours = clientChannel(client, roomRef);
  ours.subscribe(({ data, from }) => void heard.push([data, from]));
  await expect.poll(() => ours.status.get()).toBe("live");
  peer.tell('[:subscribe "room/1"]');
  expect(await peer.next()).toBe('[:event [:sente-lite/subscribed {:channel-id "room/1", :success true}]]');
  peer.tell('[:publish "room/1" {:text "é ☺" :user/id 1 [2] #{nil}}]');
  const own = (data: string, from: string): string =>
    `[:event [:sente-lite/channel-msg {:channel-id "room/1", :data ${data}, :from ${from}}]]`;
  expect(await peer.next()).toBe(own('{:text "é ☺", :user/id 1, [2] #{nil}}', `"${uid}"`));
  await expect.poll(() => heard.length).toBe(1);
  expect(heard).toStrictEqual([
    [
      new Map<unknown, unknown>([
        [keyword("text"), "é ☺"],
        [keyword("user/id"), 1],
        [[2], new Set([null])],
      ]),
      uid,
    ],
  ]);
  void ours.publish("message", { hi: [1, null] });
  expect(await peer.next()).toMatch(/:data \{:hi \[1 nil\]\}, :from "[0-9a-f]{8}"\}\]\]$/);
  room.publish("message", 3);
  expect(await peer.next()).toBe(own("3", "nil"));
  expect(peer.said.filter((line) => odd.test(line))).toEqual([]);
});

test("LITE14, LITE15 a ClojureScript peer and a client of ours share an atom, over a break as well", async () => {
  const { stats, port, client } = await serve({}, { onAtom: () => true });
  const { peer, uid } = await connect(port);
  const ours = clientAtom(client, statsRef);
  ours.subscribe(() => {});
  peer.tell("[:watch :stats]");
  expect(await peer.next()).toBe('[:event [:sente-lite/subscribed {:channel-id "atom-sync", :success true}]]');
  expect(await peer.next()).toBe("[:atom :stats {:n 0, :tags #{:a}}]");
  stats.update((draft) => {
    draft.n = 1;
  });
  expect(await peer.next()).toBe("[:atom :stats {:n 1, :tags #{:a}}]");
  peer.tell("[:put :stats {:n 2 :tags #{}}]");
  expect(await peer.next()).toBe("[:atom :stats {:n 2, :tags #{}}]");
  await expect.poll(() => ours.get()).toStrictEqual({ n: 2, tags: new Set() });
  peer.tell("[:break]");
  expect(await peer.next()).toBe("[:closed 1006]");
  stats.set({ n: 3, tags: new Set() });
  // A line of its own, with a uid of its own.
  const again = uidIn(await peer.next());
  expect(again).toMatch(/^[0-9a-f]{8}$/);
  expect(again).not.toBe(uid);
  expect(await peer.until("[:atom")).toBe("[:atom :stats {:n 3, :tags #{}}]");
  expect(peer.said.filter((line) => odd.test(line))).toEqual([]);
});

test("LITE2, LITE5, LITE6 and LITE8 a ClojureScript peer's events, pushes to it, echoes and pings", async () => {
  const { sync, port } = await serve({ keepalive: { keepaliveMs: 400, pingTimeoutMs: 3000 } }, { echo: true });
  sync.on("test/ask", ({ data, peer: { send } }) => send("test/answer", data));
  const { peer, uid } = await connect(port);
  peer.tell('[:send [:test/ask {:request-id "r1" :at #inst "1970-01-01"}]]');
  expect(await peer.until("[:event [:test/")).toBe(
    '[:event [:test/answer {:request-id "r1", :at #inst "1970-01-01T00:00:00.000-00:00"}]]',
  );
  peer.tell("[:send [:test/nobody 1]]");
  expect(await peer.until("[:event [:sente-lite/echo")).toMatch(
    new RegExp(
      `^\\[:event \\[:sente-lite/echo \\{:original-event-id :test/nobody, :original-data 1, :conn-id "${uid}", :timestamp \\d+\\}\\]\\]$`,
    ),
  );
  for (let i = 0; i < 2; i++) expect(await peer.until("[:event [:chsk/ws-ping")).toBe("[:event [:chsk/ws-ping]]");
  peer.tell("[:send [:chsk/ws-ping]]");
  await peer.until("[:event [:chsk/ws-pong]]");
  expect(peer.said.filter((line) => odd.test(line) || line.startsWith("[:closed"))).toEqual([]);
});

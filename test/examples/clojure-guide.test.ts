/** The files that the guide "Talking to Clojure" is cut from, among ClojureScript peers: a Sente server, Sente clients and one of sente_lite. */
import { afterAll, expect, onTestFinished, test, vi } from "vitest";
import * as lite from "../../examples/guides/clojure-lite.ts";
import * as ours from "../../examples/guides/clojure-server.ts";
import { type Peer, pushed, startClient, startPeer, startServer, stopClient, stopIdle } from "../peers/peer.ts";

const senteServer = await startServer('{:handshake-data {:hello "world"}}');
vi.stubEnv("SENTE_URL", `ws:${senteServer.address}`);
const { seen } = await import("../../examples/guides/clojure.ts");
vi.unstubAllEnvs();
afterAll(async () => {
  await Promise.all([ours.sync.close(), lite.sync.close(), senteServer.peer.stop(), stopIdle()]);
});

/** A ClojureScript client of the guide's server that has had its handshake. */
async function connect(transport: "ws" | "ajax"): Promise<Peer> {
  const peer = startClient(transport, ours.port, '{:headers {:cookie "session=ada" :x-csrf-token "t0ken"}}');
  onTestFinished(() => stopClient(peer));
  expect(await peer.next()).toContain('[:handshake ["ada" nil {:greeting "hello ada"}] true');
  return peer;
}

test("our client in front of a ClojureScript server: events, replies and pushes, over WebSocket and Ajax; topics are refused", () => {
  const { user, reply, state, pushes, polled, refused, packed } = seen;
  expect(reply).toStrictEqual(user);
  expect(state).toMatchObject({ open: true, uid: "ada", handshakeData: { hello: "world" } });
  expect(pushes).toEqual([0, 1]);
  expect(polled).toBe("over Ajax");
  expect(refused).toBe(true);
  expect(packed).toStrictEqual(user);
  expect(senteServer.peer.said.filter((line) => /^\[:(odd|unreadable|bad|binary|ws-error)/.test(line))).toEqual([]);
  expect(senteServer.peer.said.filter((line) => line.startsWith("[:open :"))).toEqual([
    expect.stringContaining('[:open :ws "ada"'),
    expect.stringContaining('[:open :ajax "ada"'),
  ]);
});

test.each(["ws", "ajax"] as const)("a ClojureScript client over %s asks, is answered and pushed to", async (transport) => {
  const peer = await connect(transport);
  peer.tell('[:echo 1 {:user/name "ada" :tags #{:a/b}}]');
  expect(await peer.until("[:echo ")).toBe('[:echo 1 true {:user/name "ada", :tags #{:a/b}}]');
  peer.tell("[:send [:test/greet]]");
  expect(await pushed(peer, 1)).toEqual(['[:test/greeting {:mood :mood/fine, :at #inst "1970-01-01T00:00:00.000-00:00"}]']);
  expect(ours.sync.connectedUsers.get()[transport]).toEqual(new Set(["ada"]));
  expect(ours.presence).toContain("ada is here");
  expect(ours.presence).toContainEqual(expect.stringMatching(/^1 here, [01] by WebSocket, [01] by polling$/));
});

test("a ClojureScript client asks for what an atom holds, and is pushed what becomes of it", async () => {
  const peer = await connect("ws");
  peer.tell("[:request 1 [:stats/get] 5000]");
  expect(await peer.until("[:reply ")).toBe("[:reply 1 {:visitors 0}]");
  ours.stats.update((draft) => {
    draft.visitors++;
  });
  expect(await peer.until("[:push ")).toBe("[:push [[:stats/changed {:visitors 1}]]]");
});

test("a ClojureScript peer of sente_lite shares the guide's channel and atom, and an atom is set to what fits it", async () => {
  const { room, lamp, port, problems } = lite;
  const heard: unknown[] = [];
  room.subscribe(({ data }) => void heard.push(data));
  const peer = startPeer("sente_lite_client", `ws://127.0.0.1:${port}/lite`);
  onTestFinished(() => peer.stop());
  await peer.until("[:handshake ");
  for (const command of ['[:subscribe "room/1"]', '[:publish "room/1" {:text "hi"}]', '[:publish "room/1" {:text 1}]'])
    peer.tell(command);
  expect(await peer.until("[:event [:sente-lite/channel-msg")).toContain(':channel-id "room/1", :data {:text "hi"}, :from "');
  // What fits was told before what does not was read.
  await vi.waitFor(() => expect(problems).toEqual([expect.stringMatching(/^room\/1: .*Expected string/)]), { timeout: 40_000 });
  peer.tell("[:watch :lamp]");
  expect(await peer.until("[:atom ")).toBe("[:atom :lamp {:on false}]");
  for (const value of ["{:on 1}", "{:on true}"]) peer.tell(`[:put :lamp ${value}]`);
  expect(await peer.until("[:atom ")).toBe("[:atom :lamp {:on true}]");
  expect([lamp.get(), heard]).toEqual([{ on: true }, [{ text: "hi" }]]);
  peer.tell("[:send [:app/hello 1]]");
  expect(await peer.until("[:event [:app/")).toBe("[:event [:app/welcome 1]]");
});

test.each([
  ["without the token", '{:cookie "session=ada"}', 403],
  ["that nobody knows", '{:cookie "session=eve"}', 403],
  ["from another origin", '{:cookie "session=ada" :x-csrf-token "t0ken" :origin "https://evil.example"}', 403],
])("a ClojureScript client %s is refused", async (_, headers, status) => {
  const peer = startClient("ws", ours.port, `{:headers ${headers}}`);
  onTestFinished(() => stopClient(peer));
  expect(await peer.next()).toContain(`Unexpected server response: ${status}`);
});

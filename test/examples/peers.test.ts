/** The example "A page and a process": its server, its real child over a pipe, and a client that comes as a page does. */
import { atom, channel, createClient } from "sente-sync/client";
import { expect, onTestFinished, test, vi } from "vitest";
import { board, events, lines, type PeerCard, step } from "../../examples/peers/contract.ts";
import { countPrimes, takePart } from "../../examples/peers/peer.ts";
import { nothingRead, type Reading, withGap, withLine } from "../../examples/peers/reading.ts";
import { start } from "../../examples/peers/server.ts";

/** A child takes a second to start, more where others are busy. */
const waited = { timeout: 40_000, interval: 25 };

/** The server as the example has it, and somebody who comes over WebSocket. */
async function open() {
  const running = start();
  onTestFinished(() => running.close());
  const port = await running.sync.listen(0, { host: "127.0.0.1" });
  const client = createClient(`ws://127.0.0.1:${port}/chsk`, { events });
  onTestFinished(() => client.close());
  const shared = atom(client, board);
  const heard: number[] = [];
  channel(client, lines).subscribe(({ offset }) => void heard.push(offset), { from: 1 });
  let reading = nothingRead;
  const stop = takePart(client, (next) => {
    reading = next;
  });
  onTestFinished(stop);
  const me = `page-${client.clientId.slice(0, 4)}`;
  const peer = (id: string): PeerCard | undefined => shared.get()?.peers[id];
  await vi.waitFor(() => expect(peer("child")).toMatchObject({ isHere: true, transport: "stdio" }), waited);
  await vi.waitFor(() => expect(peer(me)).toMatchObject({ isHere: true, transport: "websocket" }), waited);
  expect(client.user.get()?.id).toBe(me);
  return { client, me, peer, primes: () => shared.get()?.primes, heard, reading: (): Reading => reading };
}

const from1To = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

test("a page and a child process find primes side by side, and agree with the server on what was found", async () => {
  const { client, me, peer, primes, heard } = await open();
  for (const id of ["child", me]) client.send("peers/ask", { peer: id });
  await vi.waitFor(() => expect([peer("child")?.isWorking, peer(me)?.isWorking]).toEqual([true, true]), waited);
  // Five lines of each; who has read them says so.
  await vi.waitFor(() => {
    for (const id of ["child", me]) expect(peer(id)).toMatchObject({ last: 10, missing: 0, isWorking: false });
  }, waited);
  expect(heard).toEqual(from1To(10));
  const all = countPrimes(1_000_000, 1_000_000 + 10 * step);
  expect(primes()).toBe(all);
  expect((peer("child")?.primes ?? 0) + (peer(me)?.primes ?? 0)).toBe(all);
  expect(peer("child")?.primes).toBeGreaterThan(0);
  expect(peer(me)?.primes).toBeGreaterThan(0);
});

test("a child that is killed is started again, and reads what was said meanwhile without a gap", async () => {
  const { client, me, peer, reading } = await open();
  const { what } = peer("child") as PeerCard;
  expect(what).toMatch(/^process \d+, start 1$/);
  client.send("peers/ask", { peer: "child" });
  await vi.waitFor(() => expect(peer("child")?.last).toBeGreaterThan(1), waited);
  client.send("peers/kill");
  await vi.waitFor(() => expect(peer("child")).toMatchObject({ isHere: false, isWorking: false }), waited);
  const { last } = reading();
  client.send("peers/ask", { peer: me });
  await vi.waitFor(() => expect(peer("child")?.what).toMatch(/^process \d+, start 2$/), waited);
  await vi.waitFor(() => expect(peer("child")).toMatchObject({ isHere: true, last: last + 5, missing: 0 }), waited);
  expect(reading()).toMatchObject({ first: 1, last: last + 5, missing: 0 });
  expect(peer("child")?.what).not.toBe(what);
  // And it works as the first one did.
  client.send("peers/ask", { peer: "child" });
  await vi.waitFor(() => expect(peer("child")).toMatchObject({ last: last + 10, missing: 0 }), waited);
});

test("a page that has left is taken off the board, and the child stays", async () => {
  const running = start();
  onTestFinished(() => running.close());
  const url = `ws://127.0.0.1:${await running.sync.listen(0, { host: "127.0.0.1" })}/chsk`;
  const [one, other] = [createClient(url, { events }), createClient(url, { events })];
  onTestFinished(() => one.close());
  const shared = atom(one, board);
  shared.subscribe(() => {});
  const names = (): string[] => Object.keys(shared.get()?.peers ?? {});
  await vi.waitFor(() => expect(names()).toHaveLength(3), waited);
  other.close();
  await vi.waitFor(() => expect(Object.values(shared.get()?.peers ?? {}).map(({ isHere }) => isHere)).toContain(false), waited);
  await vi.waitFor(() => expect(names().sort()).toEqual(["child", `page-${one.clientId.slice(0, 4)}`]), waited);
});

test("reading counts a hole, and begins anew with the server", () => {
  const data = { by: "child", from: 1, primes: 2, known: 3 };
  const read = [1, 2, 2, 5].reduce((reading, offset) => withLine(reading, { offset, data }), nothingRead);
  expect(read).toMatchObject({ first: 1, last: 5, missing: 2 });
  expect(read.lines.map(({ offset }) => offset)).toEqual([5, 2, 1]);
  expect(withGap(read, { from: 6, to: 7 })).toMatchObject({ last: 7, missing: 4 });
  expect(withGap(read, { from: 0, to: 0 })).toEqual(nothingRead);
  expect(withGap(nothingRead, { from: 1, to: 7 })).toEqual(nothingRead);
});

/**
 * Everything that can be under way while a session moves, and what must hold whatever happens to its connections.
 */
import { atom, type Client, channel } from "sente-sync/client";
import type { Server } from "sente-sync/server";
import { expect } from "vitest";
import { coreOf } from "../../src/server/core.ts";
import { counterRef, type Moving, roomRef } from "./moving.ts";

/** Starts reading, and goes on for `ms` with changes, publishes, requests and pushes. */
export function startTraffic(world: Moving, ms: number) {
  const { clock, counter, room, env } = world;
  // Made with options that may declare events; these declare none.
  const client = world.client as Client;
  const sync = world.sync as Server;
  const seen: number[] = [];
  const offsets: number[] = [];
  const said: unknown[] = [];
  const gaps: unknown[] = [];
  const pushes: number[] = [];
  const outcomes: string[] = [];
  const overtaken: number[] = [];
  const slow: unknown[] = [];
  let asked = 0;
  let pushed = 0;
  let requested = 0;
  let published = 0;
  const stored: string[] = [];

  const held = atom(client, counterRef);
  held.listen((value) => void (value && seen.push(value.n)));
  const chat = channel(client, roomRef);
  chat.subscribe(
    ({ offset, data }) => {
      offsets.push(offset);
      said.push(data);
    },
    { onGap: (gap) => void gaps.push(gap) },
  );
  client.on("app/pushed", ({ data }) => void pushes.push(data as number));
  sync.on("app/bump", () => {
    counter.update((draft) => void draft.n++);
    return counter.get().n;
  });
  sync.on("app/slow", ({ data }) => new Promise((resolve) => void world.serverEnv.setTimer(() => resolve(data), 25)));

  const endMs = clock.nowMs + ms;
  const repeat = (node: string, everyMs: number, run: () => void): void => {
    const again = (): void => {
      if (clock.nowMs >= endMs) return;
      run();
      clock.schedule(node, everyMs, "traffic", again);
    };
    again();
  };
  repeat("server", 0.3, () => counter.update((draft) => void draft.n++));
  repeat("server", 1.1, () => room.publish("said", ["server", asked++]));
  repeat("server", 0.9, () => sync.send(client.user.get()?.id ?? "nobody", "app/pushed", ++pushed));
  repeat("client", 0.8, () => {
    const nth = ++published;
    chat.publish("said", ["client", nth]).stored.then(
      () => void stored.push("stored"),
      (error: { code: string }) => void stored.push(error.code),
    );
  });
  const ask = (name: string, data: unknown, then: (value: unknown) => void): void => {
    requested++;
    client.request(name, data, { timeoutMs: 60_000 }).then(
      (value) => {
        outcomes.push("ok");
        then(value);
      },
      (error: { code: string }) => void outcomes.push(error.code),
    );
  };
  repeat("client", 0.7, () =>
    ask("app/bump", null, (n) => {
      if ((held.get()?.n ?? 0) < (n as number)) overtaken.push(n as number);
    }),
  );
  repeat("client", 3, () => ask("app/slow", requested, (value) => void slow.push(value)));
  // Others come and go.
  repeat("client", 2.5, () => {
    const stop = channel(client, "room/other").subscribe(() => {});
    env.setTimer(stop, 1.3);
  });
  return {
    seen,
    offsets,
    said,
    gaps,
    pushes,
    outcomes,
    stored,
    slow,
    held,
    get counts() {
      return { pushed, requested, published };
    },
    /** What holds whatever was broken. */
    check() {
      expect(held.get()).toEqual(counter.get());
      expect(held.status.get()).toBe("live");
      expect(overtaken, "replies before their own effects").toEqual([]);
      expect(isRising(seen), `values ${seen}`).toBe(true);
      expect(isRising(pushes), `pushes ${pushes}`).toBe(true);
      const first = offsets[0] ?? 1;
      if (!gaps.length) expect(offsets, "offsets").toEqual(offsets.map((_, at) => first + at));
      expect(offsets.at(-1), "the last offset").toBe(coreOf(sync).topics.opened("room")?.topic.head);
      expect(outcomes.length, "requests settled").toBe(requested);
      expect(stored.length, "writes settled").toBe(published);
      const own = said.flatMap((data) => ((data as [string, number])[0] === "client" ? [(data as [string, number])[1]] : []));
      expect(isRising(own), `own publishes ${own}`).toBe(true);
    },
    /** What holds besides where nothing was broken. */
    checkWhole() {
      expect(
        outcomes.every((outcome) => outcome === "ok"),
        `${outcomes}`,
      ).toBe(true);
      expect(
        stored.every((outcome) => outcome === "stored"),
        `${stored}`,
      ).toBe(true);
      expect(gaps).toEqual([]);
      expect(pushes, "pushes").toEqual(pushes.map((_, at) => (pushes[0] as number) + at));
      expect(pushes.at(-1)).toBe(pushed);
    },
  };
}

function isRising(values: readonly number[]): boolean {
  return values.every((value, at) => at === 0 || value > (values[at - 1] as number));
}

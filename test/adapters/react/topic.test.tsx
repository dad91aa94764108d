/** useAtom and useTopicStatus against a real server. */

import { act } from "@testing-library/react";
import { Profiler, StrictMode, useState } from "react";
import { atom } from "sente-sync/client";
import { useAtom, useTopicStatus } from "sente-sync/react";
import { expect, test } from "vitest";
import { board, createWorld, initial, room, stats, until } from "../support.ts";
import { Run, renderWith } from "./support.tsx";

test("a value is undefined until it is here, and follows the server", async () => {
  const world = createWorld();
  const seen: unknown[] = [];
  const visitors = () => {
    const value = useAtom(stats);
    seen.push(value);
    return value ? `visitors ${value.visitors}` : "no value";
  };
  const page = renderWith(world.client(), <Run body={visitors} />);
  expect(page.text).toBe("no value");
  await until(() => expect(page.text).toBe("visitors 1"));
  world.live.update((draft) => void draft.visitors++);
  await until(() => expect(page.text).toBe("visitors 2"));
  expect(seen[0]).toBeUndefined();
});

test("what is held already is there on the first render", async () => {
  const world = createWorld();
  const client = world.client();
  const held = atom(client, stats);
  held.keep();
  await held.ready;
  const seen: unknown[] = [];
  const visitors = () => {
    seen.push(useAtom(stats, (value) => value.visitors));
    return null;
  };
  renderWith(client, <Run body={visitors} />);
  expect(seen).toEqual([1]);
});

test("a topic may be named by a string", async () => {
  const page = renderWith(
    createWorld().client(),
    (() => {
      const last = () => useAtom("stats", (value: { last: string }) => value.last);
      return <Run body={last} />;
    })(),
  );
  await until(() => expect(page.text).toBe("nobody"));
});

test("a component renders again only when what it selects changes", async () => {
  const world = createWorld();
  const client = world.client();
  const counts = { visitors: 0, last: 0 };
  const visitors = () => <>{useAtom(stats, (value) => value.visitors)}</>;
  const last = () => <>{useAtom(stats, (value) => value.last)}</>;
  const page = renderWith(
    client,
    <>
      <Profiler id="visitors" onRender={() => counts.visitors++}>
        <Run body={visitors} />
      </Profiler>
      <Profiler id="last" onRender={() => counts.last++}>
        <Run body={last} />
      </Profiler>
    </>,
  );
  await until(() => expect(page.text).toBe("1nobody"));
  expect(counts).toEqual({ visitors: 2, last: 2 });
  for (const last of ["ada", "bob", "cy"]) {
    world.live.update((draft) => void (draft.last = last));
    await until(() => expect(page.text).toBe(`1${last}`));
  }
  expect(counts).toEqual({ visitors: 2, last: 5 });
});

test("the equality function tells what is no change, and keeps the object that is on the screen", async () => {
  const world = createWorld();
  const client = world.client();
  const seen: ({ tags: number } | undefined)[] = [];
  const tags = () => {
    // A new object each time, by a new selector each time.
    const value = useAtom(
      stats,
      ({ tags }) => ({ tags: tags.length }),
      (one, other) => one.tags === other.tags,
    );
    seen.push(value);
    const [, again] = useState(0);
    return (
      <button type="button" onClick={() => again((n) => n + 1)}>
        {value?.tags}
      </button>
    );
  };
  const page = renderWith(client, <Run body={tags} />);
  await until(() => expect(page.text).toBe("0"));
  const before = seen.length;
  world.live.update((draft) => void (draft.last = "ada"));
  await until(() => expect(atom(client, stats).get()?.last).toBe("ada"));
  await world.settle(client);
  expect(seen.length).toBe(before);
  await act(async () => document.querySelector("button")?.click());
  expect(seen.length).toBe(before + 1);
  expect(seen.at(-1)).toBe(seen[before - 1]);
  world.live.update((draft) => void draft.tags.push("new"));
  await until(() => expect(page.text).toBe("1"));
});

test("without an equality function a selector that makes a new object each time still comes to rest", async () => {
  const world = createWorld();
  let renders = 0;
  const pair = () => {
    renders++;
    const pair = useAtom(stats, ({ visitors, last }) => ({ visitors, last }));
    return pair ? `${pair.visitors} ${pair.last}` : "";
  };
  const page = renderWith(
    world.client(),
    <StrictMode>
      <Run body={pair} />
    </StrictMode>,
  );
  await until(() => expect(page.text).toBe("1 nobody"));
  expect(renders).toBeLessThan(10);
});

test("parts that did not change stay the same object", async () => {
  const world = createWorld();
  const client = world.client();
  const seen = new Set<unknown>();
  const tags = () => {
    const value = useAtom(stats);
    if (value) seen.add(value.tags);
    return value?.last;
  };
  const page = renderWith(client, <Run body={tags} />);
  await until(() => expect(page.text).toBe("nobody"));
  world.live.update((draft) => void (draft.last = "ada"));
  await until(() => expect(page.text).toBe("ada"));
  expect(seen.size).toBe(1);
});

test("another ref shows another topic and lets the first one go", async () => {
  const world = createWorld();
  const client = world.client();
  const title = ({ id }: { id: string }) => useAtom(board({ id }), (value) => value.title) ?? "loading";
  const page = renderWith(client, <Run body={() => title({ id: "a" })} />);
  await until(() => expect(page.text).toBe("board a"));
  page.show(<Run body={() => title({ id: "b" })} />);
  expect(page.text).toBe("loading");
  await until(() => expect(page.text).toBe("board b"));
  await until(() => expect(atom(client, board({ id: "a" })).status.get()).toBe("idle"));
  expect(atom(client, board({ id: "b" })).status.get()).toBe("live");
  page.show(<Run body={() => title({ id: "a" })} />);
  expect(page.text).toBe("board a");
});

test("a ref made anew on each render costs no message", async () => {
  const world = createWorld();
  const client = world.client();
  const title = ({ n }: { n: number }) => `${useAtom(board({ id: "a" }), (value) => value.title)} ${n}`;
  const page = renderWith(client, <Run body={() => title({ n: 0 })} />);
  await until(() => expect(page.text).toBe("board a 0"));
  await world.settle(client);
  const { messagesIn } = world.sync.stats();
  for (const n of [1, 2, 3]) page.show(<Run body={() => title({ n })} />);
  expect(page.text).toBe("board a 3");
  await world.settle(client);
  expect(world.sync.stats().messagesIn).toBe(messagesIn + 1);
});

test("after the last reader has gone the server sends nothing more", async () => {
  const world = createWorld();
  const client = world.client();
  const visitors = () => useAtom(stats, (value) => value.visitors);
  const page = renderWith(
    client,
    <>
      <Run body={visitors} />
      <Run body={visitors} />
    </>,
  );
  await until(() => expect(page.text).toBe("11"));
  page.show(<Run body={visitors} />);
  world.live.update((draft) => void draft.visitors++);
  await until(() => expect(page.text).toBe("2"));
  page.unmount();
  await until(() => expect(atom(client, stats).status.get()).toBe("idle"));
  await world.settle(client);
  const { messagesOut } = world.sync.stats();
  for (let i = 0; i < 3; i++) {
    world.live.update((draft) => void draft.visitors++);
    await world.settle(client);
  }
  expect(world.sync.stats().messagesOut).toBe(messagesOut + 3);
  expect(atom(client, stats).get()?.visitors).toBe(2);
});

test("StrictMode's double mount asks the server once", async () => {
  const world = createWorld();
  const client = world.client();
  await until(() => expect(client.status.get().name).toBe("connected"));
  const { messagesIn } = world.sync.stats();
  const visitors = () => useAtom(stats, (value) => value.visitors);
  const page = renderWith(
    client,
    <StrictMode>
      <Run body={visitors} />
    </StrictMode>,
  );
  await until(() => expect(page.text).toBe("1"));
  await world.settle(client);
  expect(world.sync.stats().messagesIn).toBe(messagesIn + 2);
});

test("the status of a topic is told, and looking at it reads nothing", async () => {
  const world = createWorld();
  const client = world.client();
  const status = () => `${useTopicStatus(stats)} ${useTopicStatus(room({ id: "1" }))} ${useTopicStatus("nowhere")}`;
  const reader = () => {
    useAtom("nowhere");
    return useAtom(stats) && null;
  };
  const page = renderWith(client, <Run body={status} />);
  await until(() => expect(client.status.get().name).toBe("connected"));
  await world.settle(client);
  expect(page.text).toBe("idle idle idle");
  page.show(
    <>
      <Run body={status} />
      <Run body={reader} />
    </>,
  );
  await until(() => expect(page.text).toBe("live idle refused"));
  client.disconnect();
  await until(() => expect(page.text).toMatch(/^stale idle/));
  client.connect();
  await until(() => expect(page.text).toMatch(/^live idle/));
});

test("a selector that throws reaches the error boundary and no further", async () => {
  const world = createWorld();
  const client = world.client();
  const held = atom(client, stats);
  held.keep();
  await held.ready;
  const broken = () =>
    useAtom(stats, () => {
      throw new Error("broken selector");
    });
  expect(() => renderWith(client, <Run body={broken} />)).toThrow("broken selector");
  world.live.set({ ...initial, visitors: 9 });
  await until(() => expect(held.get()?.visitors).toBe(9));
});

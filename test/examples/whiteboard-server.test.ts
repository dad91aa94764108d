/** The whiteboard's server as the gallery runs it, over a real WebSocket: what it takes, what it sweeps up, and who is here by which name. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { orderBetween, type SyncError } from "sente-sync";
import { createClient, presence, rejectedWrites, shared } from "sente-sync/client";
import { expect, onTestFinished, test, vi } from "vitest";
import { people, type Shape, whiteboard } from "../../examples/whiteboard/contract.ts";
import { createScene } from "../../examples/whiteboard/scene.ts";
import { start } from "../../examples/whiteboard/server.ts";
import { createWrites } from "../../examples/whiteboard/writes.ts";

const waited = { timeout: 40_000, interval: 10 };
const id = "test";
const order = orderBetween(null, null);
const square: Shape = { kind: "rectangle", box: [0, 0, 10, 10], color: "red", order };

async function open() {
  const folder = mkdtempSync(join(tmpdir(), "sente-sync-whiteboard-test-"));
  let running = start(folder);
  const port = await running.sync.listen(0);
  onTestFinished(async () => {
    await running.close();
    rmSync(folder, { recursive: true });
  });
  return {
    async restart() {
      await running.close();
      running = start(folder);
      await running.sync.listen(port);
    },
    async come(name: string) {
      const client = createClient(`ws://localhost:${port}/chsk?name=${name}`);
      onTestFinished(() => client.close());
      const scene = createScene();
      const writes = createWrites(client, id, scene);
      writes.tree.subscribe((drawing) => void scene.update(drawing?.shapes ?? {}));
      await writes.tree.ready;
      return { client, scene, rejected: rejectedWrites(client), ...writes, shape: (of: string) => scene.get(of) };
    },
  };
}

test("each undoes what is theirs: a drag of many writes is one step, and a restart loses nothing", async () => {
  const { come, restart } = await open();
  const [ada, bob] = [await come("Ada"), await come("Bob")];
  ada.add("a", { ...square, order: ada.front() });
  await vi.waitFor(() => expect(bob.shape("a")).toBeDefined(), waited);
  bob.add("b", { ...square, order: bob.front() });
  await vi.waitFor(() => expect(ada.shape("b")).toBeDefined(), waited);
  for (const x of [5, 10, 15])
    ada.place(
      new Map([
        ["a", [x, 0, 10, 10]],
        ["b", [x, 50, 10, 10]],
      ]),
      "one drag",
    );
  await vi.waitFor(() => expect(bob.shape("b")?.box).toEqual([15, 50, 10, 10]), waited);
  bob.change(["a"], (shape) => void (shape.color = "green"));
  await vi.waitFor(() => expect(ada.shape("a")?.color).toBe("green"), waited);

  ada.tree.undo();
  expect([ada.shape("a")?.box, ada.shape("b")?.box]).toEqual([square.box, square.box]);
  expect(ada.shape("a")?.color).toBe("green");
  // Bob has changed it since.
  expect(ada.tree.undo()?.skipped).toEqual([{ topic: "whiteboard/test", path: ["shapes", "a"] }]);
  bob.raise(new Set(["a"]), true);
  expect(bob.scene.all.at(-1)?.id).toBe("a");
  await restart();
  await vi.waitFor(() => expect(bob.client.status.get().name).toBe("connected"), waited);
  const late = await come("Hedy");
  await vi.waitFor(() => expect(late.tree.get()).toEqual(bob.tree.get()), waited);
  expect(late.scene.all.at(-1)?.id).toBe("a");
});

test("what is no shape is refused, and what is left of a shape that was moved while another deleted it is swept up", async () => {
  const { come } = await open();
  const [ada, bob] = [await come("Ada"), await come("Bob")];
  const refused = (write: { stored: Promise<unknown> }) => write.stored.catch(({ code }: SyncError) => code);
  expect(await refused(ada.tree.set(["shapes", "x"], { ...square, box: [0, 0] } as never))).toBe("invalid");
  expect(await refused(ada.tree.set(["shapes", "x"], { ...square, order: "!" }))).toBe("invalid");
  expect(await refused(ada.tree.set(["shapes"], {}))).toBe("forbidden");
  expect(ada.rejected.get()).toHaveLength(3);

  await ada.tree.set(["shapes", "a"], square).stored;
  await vi.waitFor(() => expect(bob.shape("a")).toBeDefined(), waited);
  await ada.tree.delete(["shapes", "a"]).stored;
  // As if it came from an earlier turn: the shape is gone, and its box is not.
  await bob.tree.set(["shapes", "a", "box"], [7, 7, 7, 7]).stored;
  await vi.waitFor(() => {
    for (const each of [ada, bob]) expect(each.tree.get()?.shapes).not.toHaveProperty("a");
  }, waited);
});

test("nobody goes by another's name, and a stroke under way reaches the others", async () => {
  const { come } = await open();
  const [ada, bob] = [await come("Ada"), await come("Bob")];
  const room = presence(ada.client, people({ id }), { name: "Bob", cursor: null, view: null });
  const other = presence(bob.client, people({ id }), { name: "Bob", cursor: null, view: [0, 0, 100, 100] });
  await vi.waitFor(() => expect(other.others.get().map(({ data }) => data.name)).toEqual(["Ada"]), waited);
  await vi.waitFor(() => expect(room.others.get()[0]?.data.view).toEqual([0, 0, 100, 100]), waited);
  const heard = new Promise((resolve) => other.on("ink", ({ data, from }) => resolve([from?.data.name, data])));
  const ink = { id: "i", color: "red", from: 0, points: [1, 2] } as const;
  room.broadcast("ink", { ...ink, points: [...ink.points] }, { lossy: true });
  expect(await heard).toEqual(["Ada", ink]);
  room.broadcast("ink", { ...ink, color: "pink" } as never, { lossy: true });
  await vi.waitFor(() => expect(room.error.get()).toMatchObject({ code: "invalid" }), waited);
  expect(shared(ada.client, whiteboard({ id })).topic).toBe("whiteboard/test");
});

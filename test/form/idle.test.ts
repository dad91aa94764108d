/** Forms that nobody has open are let go as a whole. Rules: docs/protocol/storage.md IDLE11. */
import { form as formOn } from "sente-sync/form";
import { virtualClock } from "sente-sync/testing";
import { expect, onTestFinished, test } from "vitest";
import { coreOf } from "../../src/server/core.ts";
import { handStorage } from "../support/hand-log.ts";
import { open, seven } from "./world.ts";

test("IDLE11 a form is let go with its verdicts while nobody has it, and is as it was when it is opened again", async () => {
  const storage = handStorage(virtualClock({ seed: 7 }).envFor("disk"));
  storage.auto = true;
  onTestFinished(() => storage.store());
  const { world, forms, waiting } = open({}, { storage, limits: { idleTopicMs: 1000 } });
  const { topics } = coreOf(world.sync);
  const loaded = (): boolean[] => ["signup/7", "signup/7/@form"].map((name) => topics.opened(name) !== undefined);
  const advance = async (ms: number): Promise<void> => {
    for (let at = 0; at < ms; at += 500) {
      await world.advance(500);
      for (let i = 0; i < 3; i++) {
        await new Promise((resolve) => setImmediate(resolve));
        await world.settle();
      }
    }
  };
  const ada = world.client();
  const mine = formOn(ada, seven);
  mine.keep();
  await advance(1000);
  mine.field("email").set("taken@x.fast");
  await advance(1000);
  expect(mine.field("email").error).toBe("taken");
  await advance(5000);
  expect(loaded()).toEqual([true, true]);
  ada.close();
  await advance(6000);
  expect(loaded()).toEqual([false, false]);

  const asked = waiting.length;
  const bob = world.client();
  const other = formOn(bob, seven);
  other.keep();
  await advance(1500);
  expect([other.get()?.email, other.field("email").error, waiting.length]).toEqual(["taken@x.fast", "taken", asked + 1]);
  bob.close();
  let handle: Awaited<ReturnType<typeof forms.open>> | undefined;
  void forms.open({ draft: "7" }).then((opened) => (handle = opened));
  await advance(6000);
  expect([loaded(), handle?.get().email]).toEqual([[true, true], "taken@x.fast"]);
  forms.release({ draft: "7" });
  await advance(6000);
  expect([loaded(), world.errors]).toEqual([[false, false], []]);
});

/** A form over real WebSockets, with a server on a folder that ends and begins in the middle. Rules: docs/protocol/form.md. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, createClient } from "sente-sync/client";
import { folder as outboxFolder } from "sente-sync/client/folder";
import { form as formOn } from "sente-sync/form";
import { form } from "sente-sync/form/server";
import { createServer, type Server } from "sente-sync/server";
import { folder } from "sente-sync/storage/folder";
import { expect, onTestFinished, test, vi } from "vitest";
import { seven, signup } from "./world.ts";

const until = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 40_000, interval: 10 });

async function newFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "sente-sync-form-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function contents(path: string): Promise<string> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const texts = entries.filter((entry) => entry.isFile()).map((entry) => readFile(join(entry.parentPath, entry.name), "latin1"));
  return (await Promise.all(texts)).join("\n");
}

test("SUBMIT3, SUBMIT4 and FORM3 two people fill in a form while its server restarts; it is submitted once, and nothing private is on a disk", async () => {
  const [path, ofAda] = [await newFolder(), await newFolder()];
  const submitted: unknown[] = [];
  let server: Server | undefined;
  let port = 0;
  /** Let go by the test: the answer of the first life is lost with its lines. */
  let hold: Promise<void> | undefined;
  const start = async (): Promise<void> => {
    server = createServer({ storage: folder(path) });
    form(server, signup, {
      fields: { email: { validate: (email, { error }) => void (email.startsWith("taken") && error("taken")) } },
      onSubmit: async ({ value }) => {
        submitted.push(value);
        await hold;
        return { account: submitted.length };
      },
    });
    port = await server.listen(port);
  };
  await start();
  onTestFinished(() => server?.close());
  const client = (options = {}): Client => {
    const made = createClient(`ws://127.0.0.1:${port}/chsk`, { reconnect: { maxDelayMs: 100 }, ...options });
    onTestFinished(() => made.close());
    return made;
  };
  const adas = client({ storage: outboxFolder(ofAda) });
  const [ada, bob] = [formOn(adas, seven), formOn(client(), seven)];
  ada.keep();
  bob.keep();
  await Promise.all([ada.ready, bob.ready]);
  ada.field("email").focus();
  ada.field("email").set("taken@x");
  ada.field("password").set("top secret");
  await until(() => expect(bob.field("email").errors).toEqual(["taken"]));
  expect(bob.field("email").editedBy).toHaveLength(1);

  await server?.close();
  // Typed while there is no server.
  ada.field("email").set("ada@x");
  bob.field("bio").set("of bob");
  await start();
  await until(() => expect([bob.field("email").value, ada.field("bio").value]).toEqual(["ada@x", "of bob"]));
  await until(() => expect([bob.field("email").errors, bob.field("email").editedBy.length]).toEqual([[], 1]));

  let go = (): void => {};
  hold = new Promise((resolve) => {
    go = resolve;
  });
  const result = ada.submit();
  await until(() => expect(bob.submitting).toBe(true));
  // The line breaks, and comes back to the same submission.
  adas.reconnect();
  await until(() => expect(adas.status.get().name).toBe("connected"));
  go();
  expect(await result).toEqual({ ok: true, answer: { account: 1 } });
  await server?.close();
  await start();
  await until(() => expect([ada.submitted, bob.submitted, bob.answer]).toEqual([true, true, { account: 1 }]));
  expect(await bob.submit()).toMatchObject({ ok: true, answer: { account: 1 } });
  expect(submitted).toHaveLength(1);
  expect(submitted[0]).toMatchObject({ email: "ada@x", password: "top secret", bio: "of bob" });
  for (const disk of [await contents(path), await contents(ofAda)]) expect(disk).not.toContain("top secret");
  expect(await contents(path)).toContain("of bob");
});

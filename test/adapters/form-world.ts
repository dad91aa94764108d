/** A server with a form, and clients of it, in one process. */
import { defineForm, type Schema, type } from "sente-sync";
import { type Client, createClient } from "sente-sync/client";
import { form } from "sente-sync/form/server";
import { formTexts } from "sente-sync/form/text";
import { formTexts as serverTexts } from "sente-sync/form/text/server";
import { createServer } from "sente-sync/server";
import { memoryConnector } from "sente-sync/transports/memory";
import { afterEach } from "vitest";

export interface Profile {
  name: string;
  bio: string;
  age?: number;
  news?: boolean;
  tags?: string[];
  length?: number;
  secret?: string;
  notes?: string;
}

const schema: Schema<Profile> = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate: (value) =>
      (value as Profile).name === "bad" ? { issues: [{ message: "bad", path: ["name"] }] } : { value: value as Profile },
  },
};

export const profile = defineForm("profile/:id", {
  schema,
  initial: { name: "", bio: "" },
  private: ["secret"],
  fields: { notes: { text: true } },
  answer: type<number>(),
});
export const one = profile({ id: "1" });

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
});

export interface FormWorld {
  readonly submitted: unknown[];
  readonly errors: unknown[];
  client(): Client;
}

export function createFormWorld(): FormWorld {
  const errors: unknown[] = [];
  const submitted: unknown[] = [];
  const onError = (error: unknown): void => void errors.push(error);
  const sync = createServer({ onError });
  form(sync, profile, {
    texts: serverTexts,
    fields: { length: { derive: ({ bio = "" }) => bio.length } },
    onSubmit: ({ value }) => submitted.push(value),
  });
  const connector = memoryConnector((transport, url) => void sync.accept(transport, url));
  const clients: Client[] = [];
  ends.push(async () => {
    for (const client of clients) client.close();
    await sync.close();
  });
  return {
    submitted,
    errors,
    client() {
      const client = formTexts(createClient("ws://test/chsk", { connector, lingerMs: 0, onError }));
      clients.push(client);
      return client;
    },
  };
}

/** Webhooks of documents, at a real HTTP server that takes, refuses, is slow, or goes away. */
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { defineDoc } from "sente-sync";
import { doc, type WebhooksOptions, webhooks } from "sente-sync/doc/server";
import { createServer } from "sente-sync/server";
import { expect, onTestFinished, test, vi } from "vitest";
import * as Y from "yjs";
import { createDoc } from "./yjs.ts";

const notes = defineDoc("notes/:id");
const secret = "what only the two know";

interface Request {
  readonly signature: unknown;
  readonly body: string;
  readonly event: string;
  readonly payload: { readonly documentName: string; readonly document?: string };
}

interface Answer {
  readonly status: number;
  readonly body?: string;
  /** Answered once that is over. */
  readonly after?: Promise<void>;
}

/** A server that receives; `answer` says how it answers the request of that number. */
async function receiver(answer: (index: number, request: Request) => Answer) {
  const requests: Request[] = [];
  const receive = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    let body = "";
    for await (const chunk of incoming.setEncoding("utf8")) body += chunk as string;
    const request = { signature: incoming.headers["x-hocuspocus-signature-256"], body, ...JSON.parse(body) } as Request;
    requests.push(request);
    const { status, body: said = "", after } = answer(requests.length - 1, request);
    await after;
    outgoing.writeHead(status, { "Content-Type": "application/json" }).end(said);
  };
  const http = createHttpServer((incoming, outgoing) => void receive(incoming, outgoing));
  http.listen(0, "localhost");
  await once(http, "listening");
  onTestFinished(() => {
    http.closeAllConnections();
    http.close();
  });
  return { requests, url: `http://localhost:${(http.address() as AddressInfo).port}/hook` };
}

/** A server with documents that are told of by webhook. */
function serve(options: Omit<WebhooksOptions, "secret">) {
  const errors: unknown[] = [];
  const sync = createServer({ onError: (error) => void errors.push(error) });
  const hooked = webhooks(sync, { secret, retryMs: 5, ...options });
  const family = doc(sync, notes, { ...hooked.hooks, debounceMs: 1, maxDebounceMs: 5 });
  onTestFinished(() => sync.close());
  const write = (id: string, text: string): Promise<void> =>
    family.transact({ id }, (note) => note.getText("text").insert(note.getText("text").length, text));
  return { sync, hooked, family, write, errors };
}

const textOf = (base64 = ""): string => {
  const note = new Y.Doc();
  Y.applyUpdate(note, Buffer.from(base64, "base64"));
  return note.getText("text").toString();
};
const eventually = { timeout: 30_000, interval: 5 };

test("DOC59 changes are told as signed JSON, as Hocuspocus' extension does", async () => {
  const { requests, url } = await receiver(() => ({ status: 200 }));
  const { write, hooked } = serve({ url });
  await write("1", "hello");
  await vi.waitFor(() => expect(hooked.stats()).toEqual({ sent: 1, retried: 0, failed: 0, dropped: 0, waiting: 0 }), eventually);
  const [{ signature, body, event, payload }] = requests as [Request];
  expect(signature).toBe(`sha256=${createHmac("sha256", secret).update(body).digest("hex")}`);
  expect(event).toBe("change");
  expect(payload).toEqual({
    documentName: "notes/1",
    document: expect.any(String),
    context: {},
    requestHeaders: {},
    requestParameters: {},
  });
  expect(textOf(payload.document)).toBe("hello");
});

test("DOC59 names and documents are told as the application has it; a webhook has a secret and a URL", async () => {
  const { requests, url } = await receiver(() => ({ status: 204 }));
  const { write, sync } = serve({
    url,
    nameOf: ({ topic }) => topic.slice("notes/".length),
    toJson: (note) => ({ text: note.getText("text").toString() }),
  });
  await write("7", "hello");
  await vi.waitFor(() => expect(requests).toHaveLength(1), eventually);
  expect(requests[0]?.payload).toMatchObject({ documentName: "7", document: { text: "hello" } });
  expect(() => webhooks(sync, { url, secret: "" })).toThrow(expect.objectContaining({ code: "invalid" }) as Error);
  expect(() => webhooks(sync, { url: "file:///tmp/x", secret })).toThrow(expect.objectContaining({ code: "invalid" }) as Error);
});

test("DOC60 a document begins with what the answer to `create` says, or empty; where there is none, it can be tried again", async () => {
  const first = createDoc(5);
  first.getText("text").insert(0, "from there");
  const base64 = Buffer.from(Y.encodeStateAsUpdate(first)).toString("base64");
  const answers: Record<string, Answer[]> = {
    "notes/1": [{ status: 200, body: JSON.stringify(base64) }],
    "notes/2": [{ status: 204 }],
    "notes/3": [{ status: 500 }, { status: 200, body: "not JSON" }, { status: 200, body: JSON.stringify(base64) }],
  };
  const { requests, url } = await receiver((_index, { payload }) => answers[payload.documentName]?.shift() ?? { status: 404 });
  const { family, hooked } = serve({ url, events: ["create"] });
  const open = async (id: string): Promise<string> => (await family.open({ id })).read((note) => note.getText("text").toString());
  expect([await open("1"), await open("2")]).toEqual(["from there", ""]);
  await expect(open("3")).rejects.toMatchObject({ code: "loading" });
  await expect(open("3")).rejects.toMatchObject({ code: "loading" });
  expect(await open("3")).toBe("from there");
  expect(requests.map(({ event }) => event)).toEqual(Array(5).fill("create"));
  expect(hooked.stats()).toMatchObject({ sent: 4, failed: 1 });
});

test("DOC61 what is not taken is sent again, so often, with what came since; what is refused for good is not", async () => {
  let isDown = true;
  const { requests, url } = await receiver((_index, { payload }) => {
    if (payload.documentName === "notes/gone") return { status: 410 };
    return { status: isDown ? 503 : 200 };
  });
  const { write, hooked, errors } = serve({ url, retries: 3 });
  await write("1", "one");
  await vi.waitFor(() => expect(hooked.stats()).toMatchObject({ retried: 3, failed: 1, waiting: 0 }), eventually);
  expect(requests).toHaveLength(4);
  expect(errors).toEqual([expect.objectContaining({ code: "handler-failed" })]);
  await write("gone", "x");
  await vi.waitFor(() => expect(hooked.stats()).toMatchObject({ retried: 3, failed: 2, waiting: 0 }), eventually);
  await write("1", " two");
  await vi.waitFor(() => expect(hooked.stats().retried).toBeGreaterThan(3), eventually);
  await write("1", " three");
  isDown = false;
  await vi.waitFor(() => expect(textOf(requests.at(-1)?.payload.document)).toBe("one two three"), eventually);
});

test("DOC61 an answer that does not come in time is none; the document goes on meanwhile, and one request tells of all of it", async () => {
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { requests, url } = await receiver(() => ({ status: 200, after: held }));
  const { write, hooked } = serve({ url, timeoutMs: 300, retries: 1000 });
  await write("1", "a");
  await vi.waitFor(() => expect(requests).toHaveLength(1), eventually);
  for (const letter of "bcd") await write("1", letter);
  await vi.waitFor(() => expect(hooked.stats().retried).toBeGreaterThanOrEqual(2), eventually);
  release();
  // The one that was under way, and one for all that was typed meanwhile.
  await vi.waitFor(() => expect(hooked.stats()).toMatchObject({ sent: 2, failed: 0, waiting: 0 }), eventually);
  expect(textOf(requests.at(-1)?.payload.document)).toBe("abcd");
});

test("DOC62 so many documents wait for the receiver at most; what is over that is counted, and told of with its next change", async () => {
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { requests, url } = await receiver(() => ({ status: 200, after: held }));
  const { write, hooked, errors } = serve({ url, maxWaiting: 2 });
  for (const id of ["1", "2", "3"]) {
    await write(id, "x");
    await vi.waitFor(() => expect(hooked.stats().waiting + hooked.stats().dropped).toBe(Number(id)), eventually);
  }
  expect(errors).toEqual([expect.objectContaining({ code: "backpressure" })]);
  release();
  await vi.waitFor(() => expect(hooked.stats()).toMatchObject({ sent: 2, dropped: 1, waiting: 0 }), eventually);
  await write("3", "y");
  await vi.waitFor(() => expect(textOf(requests.at(-1)?.payload.document)).toBe("xy"), eventually);
});

test("DOC62 who closes the server has the last changes told; what is not taken then is not sent again later", async () => {
  const { requests, url } = await receiver((_index, { payload }) => ({ status: payload.documentName === "notes/1" ? 200 : 503 }));
  const { sync, write, hooked } = serve({ url, retryMs: 100_000 });
  await write("down", "x");
  await vi.waitFor(() => expect(hooked.stats().retried).toBe(1), eventually);
  await write("1", "last");
  await sync.close();
  expect(hooked.stats()).toEqual({ sent: 1, retried: 1, failed: 1, dropped: 0, waiting: 0 });
  expect(requests.filter(({ payload }) => payload.documentName === "notes/down")).toHaveLength(2);
  expect(requests.some(({ payload }) => textOf(payload.document) === "last")).toBe(true);
});

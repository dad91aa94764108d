/** A server that tells another one what becomes of its documents, and that one. */
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { defineDoc } from "sente-sync";
import { doc as documents, webhooks } from "sente-sync/doc/server";
import { createServer } from "sente-sync/server";
import * as Y from "yjs";

const secret = "only the two of them know it";
const notes = defineDoc("notes/:id");
/** What the receiver keeps: updates, in base64. */
export const kept = new Map<string, string>();

// #region receive
/** The body, if it is from who knows the secret. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  let body = "";
  for await (const chunk of request.setEncoding("utf8")) body += chunk;
  const expected = Buffer.from(`sha256=${createHmac("sha256", secret).update(body).digest("hex")}`);
  const given = Buffer.from(`${request.headers["x-hocuspocus-signature-256"]}`);
  return given.length === expected.length && timingSafeEqual(given, expected) ? body : undefined;
}

async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await bodyOf(request);
  if (body === undefined) return void response.writeHead(403).end();
  const { event, payload } = JSON.parse(body);
  if (event === "change") kept.set(payload.documentName, payload.document);
  // What a document begins with; an empty answer: with nothing.
  const first = event === "create" && kept.get(payload.documentName);
  response.end(first ? JSON.stringify(first) : "");
}

const receiver = createHttpServer((request, response) => void receive(request, response));
// #endregion

kept.set("notes/1", Buffer.from(Y.encodeStateAsUpdate(draft())).toString("base64"));
function draft(): Y.Doc {
  const first = new Y.Doc();
  first.getText("text").insert(0, "A draft");
  return first;
}
await new Promise<void>((resolve) => receiver.listen(0, "localhost", resolve));
const url = `http://localhost:${(receiver.address() as AddressInfo).port}/documents`;

const sync = createServer();
// #region send
const hooked = webhooks(sync, { url, secret, events: ["change", "create"] });

const served = documents(sync, notes, { ...hooked.hooks, debounceMs: 2000 });
// #endregion

await served.transact({ id: "1" }, (note) => note.getText("text").insert(7, ", and more"));
export const stats = async () => {
  // What is due is told first.
  await sync.close();
  receiver.close();
  return hooked.stats();
};

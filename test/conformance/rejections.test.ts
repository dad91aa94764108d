/** Every recorded refusal of Sente's server, and every request that it let pass, against ours: the same status, the same body. */

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { edn } from "sente-sync/packers/edn";
import { createServer } from "sente-sync/server";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { ask } from "../support/http-client.ts";

interface Case {
  readonly description: string;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly headers: Record<string, string>;
    readonly body?: string;
  };
  readonly response: { readonly status: number; readonly body?: string; readonly first_frame?: string };
}

const { cases } = JSON.parse(readFileSync(new URL("vectors/rejections-sente.json", import.meta.url), "utf8")) as {
  readonly cases: readonly Case[];
};
const { unpack } = edn();

// As the recorded server was set up.
const sync = createServer({
  csrfToken: () => "tok",
  origins: ["http://ok.test"],
  requireOrigin: true,
  authenticate({ url: { searchParams } }) {
    if (searchParams.get("auth") !== "yes") return null;
    const uid = searchParams.get("uid");
    return uid === null ? { id: "nobody", anonymous: true } : { id: uid };
  },
  longPoll: { graceMs: 200 },
});
sync.on("test/echo", ({ data }) => data);
let port = 0;
beforeAll(async () => {
  port = await sync.listen(0, { host: "127.0.0.1" });
});
afterAll(() => sync.close());

/** The status and body of a refused upgrade, or 101 and the first frame. */
async function upgrade(path: string, headers: Record<string, string>): Promise<{ status: number; text: string }> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers });
  socket.on("error", () => {});
  try {
    return await new Promise((resolve) => {
      socket.on("message", (data) => resolve({ status: 101, text: String(data) }));
      socket.on("unexpected-response", (_, response) => {
        let text = "";
        response.on("data", (piece) => (text += piece));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
      });
    });
  } finally {
    if (socket.readyState === WebSocket.OPEN) {
      socket.close();
      await once(socket, "close");
    }
  }
}

function send({ method, path, headers, body }: Case["request"]): Promise<{ status: number; text: string }> {
  if (method.includes("upgrade")) return upgrade(path, headers);
  return ask(port, {
    method,
    path,
    headers: { ...headers, ...(body && { "content-type": "application/x-www-form-urlencoded;charset=UTF-8" }) },
    ...(body && { body }),
  });
}

const withoutClientId = cases.filter(({ response }) => response.status === 500);

test.each(cases.filter((each) => !withoutClientId.includes(each)).map((each) => [each.description, each] as const))(
  "AJAX2, DOOR3, DOOR4, DOOR6, DOOR10 and DOOR11 as Sente's server answers: %s",
  async (_, { request, response }) => {
    const { status, text } = await send(request);
    expect(status).toBe(response.status);
    const expected = response.first_frame ?? response.body ?? "";
    if (status < 300) expect(unpack(text)).toStrictEqual(unpack(expected));
    else expect(text).toBe(expected);
  },
);

// Sente's server fails there, and answers 500 with the text of the exception; to ours it is the client's fault.
test.each(withoutClientId.map((each) => [each.description, each] as const))(
  "DOOR2 where Sente's server fails with 500, ours answers 400: %s",
  async (_, { request }) => {
    expect(await send(request)).toMatchObject({ status: 400, text: "The parameter client-id is missing" });
  },
);

test("DOOR6 the recorded cases are of all three kinds", () => {
  const count = (method: string): number => cases.filter(({ request }) => request.method === method).length;
  expect([count("GET"), count("POST"), count("GET (websocket upgrade)"), withoutClientId.length]).toEqual([11, 3, 5, 3]);
});

/**
 * Long polling over HTTP: what a GET or POST of the server's path becomes.
 *
 * A plain Sente client is known by its user and client id: every request is admitted anew, a poll is answered with one message,
 * a post with its reply. One of ours is admitted once, with its handshake; from then on it names its connection, by a name that nobody can guess,
 * and both directions carry numbered frames.
 *
 * Always: every request is answered; a body is read no further than its limit; a request that breaks off loses nothing that was not answered.
 * Rules: docs/protocol/ajax.md AJAX1-AJAX16. Source of the plain half: sente-wire sections 2, 6 and 8.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { type Env, randomHex } from "../core/env.ts";
import type { User } from "../core/register.ts";
import { Keyword } from "../core/values.ts";
import { pollBodyType, readPollBody } from "../transport/poll-body.ts";
import { type Poll, PollTransport } from "../transport/poll-server.ts";
import type { Frame, Transport } from "../transport/transport.ts";
import { chain } from "../wire/packer.ts";
import type { Connection } from "./connection.ts";
import type { Counters } from "./core.ts";
import { type Framer, toBytes } from "./frames.ts";
import type { ServerLimits } from "./limits.ts";
import { PostReply } from "./post-reply.ts";
import { type Checks, checkRequest, crossOriginOf, type Refusal, type RequestContext } from "./request.ts";
import { isAnonymous } from "./sessions.ts";

export interface LongPollOptions {
  /** A poll is answered after so long, with nothing; less than the 60 s after which clients give it up. Default 20 000. */
  readonly timeoutMs: number;
  /** A client that does not poll for so long is gone. Default 5 000. */
  readonly graceMs: number;
}

export const defaultLongPoll: LongPollOptions = { timeoutMs: 20_000, graceMs: 5000 };

/** What it needs of the server. */
export interface AjaxDoor {
  readonly env: Env;
  readonly limits: ServerLimits;
  readonly counters: Counters;
  readonly checks: Checks;
  readonly longPoll: LongPollOptions;
  admit(context: RequestContext): Promise<{ readonly user: User } | Refusal>;
  full(user?: User): Refusal | undefined;
  framerFor(offered: readonly string[]): Framer;
  enter(transport: Transport, url: URL, user: User, framer: Framer): Connection;
  /** It polls: from now on its user counts as connected. */
  polls(connection: Connection): void;
  /** Somebody who posts and does not poll. */
  visitor(url: URL, user: User, framer: Framer): Connection;
  /** Handles a message that came by a post; `reply` is called at most once, and not at all where no reply is asked for: then this returns false. */
  post(connection: Connection, data: string | Uint8Array, reply: PostReply): boolean;
  report(error: unknown, where: string): void;
}

interface Entry {
  readonly connection: Connection;
  readonly transport: PollTransport;
}

const text = "text/plain; charset=utf-8";

export function createAjax(door: AjaxDoor): (request: IncomingMessage, response: ServerResponse, url: URL) => void {
  const { env, limits, longPoll } = door;
  /** Plain clients by user and client id, ours by name. */
  const plain = new Map<string, Entry>();
  const ours = new Map<string, Entry>();

  const send = (
    request: IncomingMessage,
    response: ServerResponse,
    status: number,
    body: string | Uint8Array,
    type = text,
  ): void => {
    const origin = crossOriginOf(request);
    if (response.destroyed || response.writableEnded) return;
    response
      .writeHead(status, {
        "content-type": type,
        "content-length": Buffer.byteLength(body),
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        ...(origin !== undefined && {
          "access-control-allow-origin": origin,
          "access-control-allow-credentials": "true",
          "vary": "origin",
        }),
      })
      .end(body);
  };

  const refuse = (request: IncomingMessage, response: ServerResponse, { status, body, headers }: Refusal): void => {
    door.counters.refused++;
    for (const [name, value] of Object.entries(headers ?? {})) response.setHeader(name, value);
    if (status === 503) response.setHeader("retry-after", "5");
    send(request, response, status, body);
  };

  const sendFrame = (request: IncomingMessage, response: ServerResponse, { data, text: isText }: Frame, type?: string): void =>
    send(request, response, 200, data, type ?? (isText ? text : "application/octet-stream"));

  const timeoutFrame = (framer: Framer): Frame | Promise<Frame> => seal(framer, framer.message(new Keyword("chsk/timeout")));

  const open = async (context: RequestContext, user: User): Promise<Entry> => {
    const { url } = context;
    const isOurs = url.searchParams.get("sync") === "1";
    const framer = door.framerFor(isOurs ? (url.searchParams.get("packers")?.split(",") ?? []) : []);
    const name = isOurs ? randomHex(env, 16) : undefined;
    const timeout = await timeoutFrame(framer);
    const transport = new PollTransport({ env, ...longPoll, timeout, ...(name !== undefined && { name }) });
    const connection = door.enter(transport, url, user, framer);
    const entry = { connection, transport };
    const [table, key] = name === undefined ? ([plain, keyOf(url, user)] as const) : ([ours, name] as const);
    table.set(key, entry);
    connection.onceClosed = () => {
      if (table.get(key) === entry) table.delete(key);
    };
    return entry;
  };

  const hold = (request: IncomingMessage, response: ServerResponse, entry: Entry, arrived?: number): void => {
    const isOurs = arrived !== undefined;
    const poll: Poll = (frame) => {
      if (frame) sendFrame(request, response, frame, isOurs ? pollBodyType : undefined);
      // As Sente's server does it: an exchange without an answer.
      else response.destroy();
    };
    response.on("close", () => entry.transport.drop(poll));
    entry.connection.heard++;
    if (!entry.transport.hold(poll, arrived)) refuse(request, response, { status: 410, body: "That was not told here" });
  };

  const get = async (request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> => {
    const context = { request, url };
    const name = url.searchParams.get("conn");
    if (name !== null) {
      const entry = ours.get(name);
      const refusal = checkRequest(context, door.checks);
      if (refusal || !entry) return refuse(request, response, refusal ?? gone);
      door.polls(entry.connection);
      return hold(request, response, entry, indexOf(url.searchParams.get("arrived")));
    }
    const admitted = await door.admit(context);
    if ("status" in admitted) return refuse(request, response, admitted);
    const isOurs = url.searchParams.get("sync") === "1";
    const known = isOurs ? undefined : plain.get(keyOf(url, admitted.user));
    if (known && url.searchParams.has("handshake?")) {
      const { framer } = known.connection;
      return sendFrame(request, response, await seal(framer, known.connection.handshake as Frame));
    }
    if (known) {
      door.polls(known.connection);
      return hold(request, response, known);
    }
    const full = door.full(admitted.user);
    if (full) return refuse(request, response, full);
    const entry = await open(context, admitted.user);
    // What waits is the handshake: it answers this request, whatever it asked for.
    hold(request, response, entry, isOurs ? 0 : undefined);
  };

  const post = async (request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> => {
    const body = await readBody(request, 3 * limits.maxFrameBytes + 4096, env, limits.handshakeMs);
    if (typeof body === "object" && "status" in body) return refuse(request, response, body);
    const name = url.searchParams.get("conn");
    if (name !== null) return postFrames(request, response, url, ours.get(name), body);
    const isBinary = url.searchParams.has("binary?");
    if (!isBinary) for (const [key, value] of new URLSearchParams(body.toString())) url.searchParams.append(key, value);
    const packed = isBinary ? body : (url.searchParams.get("ppstr") ?? "");
    url.searchParams.delete("ppstr");
    if (packed.length > limits.maxFrameBytes) return refuse(request, response, tooLarge);
    const admitted = await door.admit({ request, url });
    if ("status" in admitted) return refuse(request, response, admitted);
    const known = plain.get(keyOf(url, admitted.user));
    if (known?.transport.paused) return refuse(request, response, { status: 429, body: "Too many messages" });
    const connection = known?.connection ?? door.visitor(url, admitted.user, door.framerFor([]));
    const { framer } = connection;
    const data = framer.packer.seal && typeof packed !== "string" ? await framer.packer.seal.open(packed) : packed;
    const answer = (value: unknown): void => {
      env.clearTimer(timer);
      try {
        const frame = seal(framer, framer.message(value));
        void chain(frame, (made) => sendFrame(request, response, made));
      } catch (error) {
        door.report(error, "reply");
        send(request, response, 500, "The reply could not be packed");
      }
    };
    const timer = env.setTimer(() => answer(new Keyword("chsk/timeout")), longPoll.timeoutMs);
    if (!door.post(connection, data, new PostReply(answer))) answer(new Keyword("chsk/dummy-cb-200"));
  };

  const postFrames = (
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
    entry: Entry | undefined,
    body: Buffer,
  ): void => {
    const refusal = checkRequest({ request, url }, door.checks);
    if (refusal || !entry) return refuse(request, response, refusal ?? gone);
    const { first, frames, close } = readPollBody(body);
    if (frames.some(({ length }) => length > limits.maxFrameBytes)) return entry.transport.close(1009, "too large");
    if (!entry.transport.post(first, frames, () => send(request, response, 204, "")))
      return refuse(request, response, { status: 409, body: "Frames before these are missing" });
    if (close) entry.transport.closed(close.code, close.reason);
  };

  return (request, response, url) => {
    response.on("error", () => {});
    if (request.method === "OPTIONS") return preflight(request, response, door.checks);
    const work = request.method === "GET" ? get : request.method === "POST" ? post : undefined;
    if (!work) {
      response.setHeader("allow", "GET, POST");
      return refuse(request, response, { status: 405, body: "Only GET and POST" });
    }
    work(request, response, url).catch((error: unknown) => {
      door.counters.malformed++;
      door.report(error, "ajax");
      refuse(request, response, { status: 400, body: "Bad request" });
    });
  };
}

const gone: Refusal = { status: 410, body: "No such connection" };
const tooLarge: Refusal = { status: 413, body: "Too large" };

/** Who polls, to a server that knows no names for connections. An anonymous client's id is all that it has. */
function keyOf(url: URL, user: User): string {
  return `${isAnonymous(user) ? "" : `u${user.id}`}\n${url.searchParams.get("client-id") ?? ""}`;
}

function indexOf(value: string | null): number {
  return value !== null && /^\d{1,10}$/.test(value) ? Number(value) : 0;
}

/** A frame as it travels, for who is not behind a sealed transport. */
function seal({ packer }: Framer, frame: Frame): Frame | Promise<Frame> {
  return packer.seal ? chain(packer.seal.close(toBytes(frame.data)), (data): Frame => ({ data, text: false })) : frame;
}

async function readBody(request: IncomingMessage, maxBytes: number, env: Env, timeoutMs: number): Promise<Buffer | Refusal> {
  const pieces: Buffer[] = [];
  let length = 0;
  return new Promise((resolve) => {
    const timer = env.setTimer(() => end({ status: 408, body: "The body took too long" }), timeoutMs);
    const end = (result: Buffer | Refusal): void => {
      env.clearTimer(timer);
      request.removeAllListeners("data");
      request.resume();
      resolve(result);
    };
    request.on("data", (piece: Buffer) => {
      length += piece.length;
      if (length > maxBytes) end(tooLarge);
      else pieces.push(piece);
    });
    request.on("end", () => end(Buffer.concat(pieces)));
    request.on("error", () => end({ status: 400, body: "The body broke off" }));
  });
}

/** What a browser asks before a page of another origin may post. */
function preflight(request: IncomingMessage, response: ServerResponse, checks: Checks): void {
  const origin = crossOriginOf(request);
  const allowed = origin !== undefined && (checks.origins === "all" || checks.origins.includes(origin));
  response
    .writeHead(allowed ? 204 : 403, {
      ...(allowed && {
        "access-control-allow-origin": origin,
        "access-control-allow-credentials": "true",
        "access-control-allow-methods": "GET, POST",
        "access-control-allow-headers": "content-type, x-csrf-token, x-requested-with",
        "access-control-max-age": "600",
        "vary": "origin",
      }),
    })
    .end();
}

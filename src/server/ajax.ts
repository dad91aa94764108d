/**
 * Long polling over HTTP: what a GET or POST of the server's path becomes.
 *
 * A plain Sente client is known by its user and client id: every request is admitted anew, a poll is answered with one message,
 * a post with its reply. One of ours is admitted once, with its handshake; from then on it names its connection, by a name that nobody can guess,
 * and both directions carry numbered frames.
 *
 * Always: every request is answered; a body is read no further than its limit; what waits for a client is not given to a request that is gone.
 * Rules: docs/protocol/ajax.md AJAX1-AJAX18. Source of the plain half: sente-wire sections 2, 6 and 8.
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
import type { Counters } from "./counters.ts";
import { type Framer, toBytes } from "./frames.ts";
import { type Identity, isOurs } from "./identity.ts";
import type { Inbound } from "./inbound.ts";
import { closeCodes, type ServerLimits } from "./limits.ts";
import { PostReply } from "./post-reply.ts";
import { type Checks, crossOriginOf, type Refusal, type RequestContext } from "./request.ts";
import { RequestBody } from "./request-body.ts";
import { isAnonymous } from "./sessions.ts";
import { createVisitors } from "./visitors.ts";

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
  /** Why it may not, before anybody is asked who it is. */
  check(context: RequestContext): Refusal | undefined;
  /** Who it is, or why not; whether it fits is to be asked where it would enter. */
  admit(context: RequestContext): Promise<Identity | Refusal>;
  /** Why no more fit, if so: on the whole, or of that user. */
  full(user?: User): Refusal | undefined;
  framerFor(offered: readonly string[]): Framer;
  enter(transport: Transport, url: URL, identity: Identity, framer: Framer): Connection;
  /** It polls: from now on its user counts as connected. */
  polls(connection: Connection): void;
  /** Somebody who posts and does not poll. */
  visitor(url: URL, user: User, framer: Framer): Connection;
  post: Inbound["post"];
  report(error: unknown, where: string): void;
}

interface Entry {
  readonly connection: Connection;
  readonly transport: PollTransport;
}

const text = "text/plain; charset=utf-8";

/** Of a body, before it is known whose it is. */
const maxStrangeBytes = 16 * 1024;

export interface Ajax {
  handle(request: IncomingMessage, response: ServerResponse, url: URL): void;
  /** From now on everybody is refused, and no answer keeps its socket open for another request. */
  close(): void;
}

export function createAjax(door: AjaxDoor): Ajax {
  const { env, limits, longPoll } = door;
  /** Plain clients by user and client id, ours by name. */
  const plain = new Map<string, Entry>();
  const ours = new Map<string, Entry>();
  const visitors = createVisitors(env, limits);
  const maxBodyBytes = 3 * limits.maxFrameBytes + 4096;
  let isClosing = false;

  const send = (
    request: IncomingMessage,
    response: ServerResponse,
    status: number,
    body: string | Uint8Array,
    type = text,
  ): void => {
    if (isGone(response) || response.writableEnded) return;
    response
      .writeHead(status, {
        ...(status !== 204 && { "content-type": type, "content-length": Buffer.byteLength(body) }),
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        ...(isClosing && { "connection": "close" }),
        ...crossOriginHeaders(crossOriginOf(request, door.checks)),
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

  const open = (url: URL, identity: Identity, framer: Framer, timeout: Frame): Entry => {
    const name = isOurs(url) ? randomHex(env, 16) : undefined;
    const transport = new PollTransport({ env, ...longPoll, timeout, ...(name !== undefined && { name }) });
    const connection = door.enter(transport, url, identity, framer);
    const entry = { connection, transport };
    const [table, key] = name === undefined ? ([plain, keyOf(url, identity.user)] as const) : ([ours, name] as const);
    table.set(key, entry);
    connection.onceClosed = () => {
      if (table.get(key) === entry) table.delete(key);
    };
    return entry;
  };

  const hold = (request: IncomingMessage, response: ServerResponse, entry: Entry, arrived?: number): void => {
    const poll: Poll = (frame) => {
      if (frame) sendFrame(request, response, frame, arrived === undefined ? undefined : pollBodyType);
      // As Sente's server does it: an exchange without an answer.
      else response.destroy();
    };
    response.on("close", () => entry.transport.drop(poll));
    if (!entry.transport.hold(poll, arrived)) refuse(request, response, { status: 410, body: "That was not told here" });
  };

  const get = async (request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> => {
    const context = { request, url };
    const name = url.searchParams.get("conn");
    if (name !== null) {
      const entry = ours.get(name);
      const refusal = door.check(context);
      if (refusal || !entry) return refuse(request, response, refusal ?? gone);
      door.polls(entry.connection);
      return hold(request, response, entry, indexOf(url.searchParams.get("arrived")));
    }
    const admitted = await door.admit(context);
    if ("status" in admitted) return refuse(request, response, admitted);
    const framer = door.framerFor(isOurs(url) ? (url.searchParams.get("packers")?.split(",") ?? []) : []);
    const timeout = await seal(framer, framer.message(new Keyword("chsk/timeout")));
    // Nothing is waited for from here on.
    if (isGone(response)) return;
    const known = isOurs(url) ? undefined : knownAs(url, admitted.user);
    if (known && url.searchParams.has("handshake?")) {
      return sendFrame(request, response, await seal(framer, known.connection.handshake as Frame));
    }
    if (known) {
      door.polls(known.connection);
      return hold(request, response, known);
    }
    const full = door.full(admitted.user);
    if (full) return refuse(request, response, full);
    // What waits is the handshake: it answers this request, whatever it asked for.
    hold(request, response, open(url, admitted, framer, timeout), isOurs(url) ? 0 : undefined);
  };

  /** A plain client that polls, with its user as the newest request shows it. */
  const knownAs = (url: URL, user: User): Entry | undefined => {
    const known = plain.get(keyOf(url, user));
    if (known && !isAnonymous(user)) known.connection.user = user;
    return known;
  };

  const refuseBody = (request: IncomingMessage, response: ServerResponse, body: RequestBody, refusal: Refusal): void => {
    // What follows of it is not read, so nothing else can.
    if (!body.isWhole) response.setHeader("connection", "close");
    refuse(request, response, refusal);
  };

  const readWhole = async (body: RequestBody): Promise<Refusal | undefined> =>
    (await body.read(maxBodyBytes)) ?? (body.length > maxBodyBytes ? tooLarge : undefined);

  const post = async (request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> => {
    const body = new RequestBody(request, env, limits.handshakeMs);
    const broken = await body.read(Math.min(maxStrangeBytes, maxBodyBytes));
    if (broken) return refuseBody(request, response, body, broken);
    const name = url.searchParams.get("conn");
    if (name !== null) return postFrames(request, response, url, ours.get(name), body);
    const isBinary = url.searchParams.has("binary?");
    const { search } = url;
    let message = isBinary ? null : takeFields(url, search, body);
    const isAllSeen = isBinary || body.isWhole;
    const admitted = await door.admit({ request, url });
    if ("status" in admitted) return refuseBody(request, response, body, admitted);
    const cut = await readWhole(body);
    if (cut) return refuseBody(request, response, body, cut);
    if (!isAllSeen) message = takeFields(url, search, body);
    const packed = isBinary ? body.bytes : (message ?? "");
    if (packed.length > limits.maxFrameBytes) return refuse(request, response, tooLarge);
    const framer = door.framerFor([]);
    const { seal: sealOf } = framer.packer;
    if (sealOf && !isBinary) return refuse(request, response, unreadable);
    const data = sealOf && typeof packed !== "string" ? await sealOf.open(packed) : packed;
    const known = knownAs(url, admitted.user);
    const connection = known?.connection ?? visitorOf(request, url, admitted.user, framer);
    if (!connection || connection.readingPaused) return refuse(request, response, tooMany);
    const answer = async (value: unknown): Promise<void> => {
      env.clearTimer(timer);
      try {
        sendFrame(request, response, await seal(framer, framer.message(value)));
      } catch (error) {
        door.report(error, "reply");
        send(request, response, 500, "The reply could not be packed");
      }
    };
    const timer = env.setTimer(() => reply.answer(new Keyword("chsk/timeout")), longPoll.timeoutMs);
    const reply = new PostReply((value) => void answer(value));
    const became = door.post(connection, data, reply);
    if (became === "asked") return;
    if (became === "told") return reply.answer(new Keyword("chsk/dummy-cb-200"));
    env.clearTimer(timer);
    refuse(request, response, became === "full" ? tooMany : unreadable);
  };

  const visitorOf = ({ socket }: IncomingMessage, url: URL, user: User, framer: Framer): Connection | undefined =>
    visitors.of(JSON.stringify([keyOf(url, user), socket.remoteAddress]), user, () => door.visitor(url, user, framer));

  const postFrames = async (
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
    entry: Entry | undefined,
    body: RequestBody,
  ): Promise<void> => {
    const refusal = door.check({ request, url });
    if (refusal || !entry) return refuseBody(request, response, body, refusal ?? gone);
    const cut = await readWhole(body);
    if (cut) return refuseBody(request, response, body, cut);
    const { first, frames, close } = readPollBody(body.bytes);
    if (frames.some((frame) => Buffer.byteLength(frame) > limits.maxFrameBytes)) {
      entry.transport.close(closeCodes.tooLarge, "too large");
      return refuse(request, response, tooLarge);
    }
    const taken = entry.transport.post(first, frames, () => send(request, response, 204, ""));
    if (taken === "over") return refuse(request, response, gone);
    if (taken === "gap") return refuse(request, response, { status: 409, body: "Frames before these are missing" });
    if (taken === "paused") return refuse(request, response, tooMany);
    if (close) entry.transport.closed(close.code, close.reason);
  };

  return {
    handle(request, response, url) {
      response.on("error", () => {});
      if (isClosing) return refuse(request, response, { status: 503, body: "The server is closing" });
      if (request.method === "OPTIONS") {
        const origin = crossOriginOf(request, door.checks);
        return origin === undefined ? refuse(request, response, strangeOrigin) : preflight(response, origin);
      }
      const work = request.method === "GET" ? get : request.method === "POST" ? post : undefined;
      if (!work) {
        response.setHeader("allow", "GET, POST");
        return refuse(request, response, { status: 405, body: "Only GET and POST" });
      }
      work(request, response, url).catch((error: unknown) => {
        door.counters.malformed++;
        door.report(error, "ajax");
        refuse(request, response, unreadable);
      });
    },
    close() {
      isClosing = true;
    },
  };
}

const gone: Refusal = { status: 410, body: "No such connection" };
const strangeOrigin: Refusal = { status: 403, body: "Unauthorized origin" };
const tooLarge: Refusal = { status: 413, body: "Too large" };
const tooMany: Refusal = { status: 429, body: "Too many messages" };
const unreadable: Refusal = { status: 400, body: "Bad request" };

/** Its client went: whatever it is given is lost. */
function isGone(response: ServerResponse): boolean {
  return response.destroyed || response.socket?.destroyed === true;
}

/** Who polls, to a server that knows no names for connections. An anonymous client's id is all that it has. */
function keyOf(url: URL, user: User): string {
  return JSON.stringify([isAnonymous(user) ? null : user.id, url.searchParams.get("client-id")]);
}

function indexOf(value: string | null): number {
  return value !== null && /^\d{1,10}$/.test(value) ? Number(value) : 0;
}

/** A frame as it travels, for who is not behind a sealed transport. */
function seal({ packer }: Framer, frame: Frame): Frame | Promise<Frame> {
  return packer.seal ? chain(packer.seal.close(toBytes(frame.data)), (data): Frame => ({ data, text: false })) : frame;
}

/** Adds to the query's parameters those of the form, as far as it was read, and takes the message out. */
function takeFields(url: URL, search: string, body: RequestBody): string | null {
  const form = body.bytes.toString();
  url.search = search;
  // The last may be cut off.
  const fields = new URLSearchParams(body.isWhole ? form : form.slice(0, Math.max(0, form.lastIndexOf("&"))));
  for (const [key, value] of fields) url.searchParams.append(key, value);
  const packed = url.searchParams.get("ppstr");
  url.searchParams.delete("ppstr");
  return packed;
}

/** What a browser asks before a page of another origin may post. */
function preflight(response: ServerResponse, origin: string): void {
  response
    .writeHead(204, {
      ...crossOriginHeaders(origin),
      "access-control-allow-methods": "GET, POST",
      "access-control-allow-headers": "content-type, x-csrf-token, x-xsrf-token, x-requested-with",
      "access-control-max-age": "600",
    })
    .end();
}

function crossOriginHeaders(origin: string | undefined): Record<string, string> {
  if (origin === undefined) return {};
  return { "access-control-allow-origin": origin, "access-control-allow-credentials": "true", "vary": "origin" };
}

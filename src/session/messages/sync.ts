/**
 * The `:sync/*` messages between two of ours: ordinary Sente events whose data has the shapes below.
 *
 *   up    auth         {:token s}                                 reply {:user {…}}, or {:user {…} :anew b} where the line ends
 *         hello        {:v 1 :session s :token t :binary b :late b :auth s} reply {:session s :token t :replica s :resumed b :boot s :limits {…} :user {…} :binary b}
 *         subscribe    [{:topic s :kind s :version n :since [epoch offset] :read b} …]
 *                                                                   reply [{:id n :at [epoch offset] :recovered b :durability s :readOnly {…}} or {:error {…}} …]
 *         unsubscribe  [id …]                                       reply true
 *         position     [[id offset] …]                              reply [[id offset] …], the server's own
 *         write        [id first-seq [op …] resent]                 ack or reject follows
 *   down  needs-auth   {:graceMs n}
 *         snapshot     [id offset part last? chunk]
 *         subscribed   [number answer], of an answer in whose place the reply has that number
 *         entries      [id first [entry …]]
 *         gap          [id new-id [epoch offset] reason]
 *         end          [id code]
 *         ack          [id seq offset]
 *         reject       [id seq error]
 *
 * Batches are in batch.ts, those of channels alone are in channel.ts, those of presence in presence.ts.
 * An epoch is a string, `since` may have nil for it ("whichever it is"); offsets, ids and seqs are integers from 0, 1 and 1.
 * Always: a reader returns `undefined` for data of any other shape and never throws.
 * Rules: docs/protocol.md HELLO1-HELLO8, SUB1-SUB20, docs/protocol/writes.md WRITE1-WRITE12.
 */

export const version = 1;

/** Of credentials; beyond it they are none. */
const maxTokenLength = 65_536;

export const sync = {
  hello: "sync/hello",
  auth: "sync/auth",
  needsAuth: "sync/needs-auth",
  subscribe: "sync/subscribe",
  unsubscribe: "sync/unsubscribe",
  position: "sync/position",
  write: "sync/write",
  batch: "sync/batch",
  subscribed: "sync/subscribed",
  snapshot: "sync/snapshot",
  entries: "sync/entries",
  gap: "sync/gap",
  end: "sync/end",
  ack: "sync/ack",
  reject: "sync/reject",
  history: "sync/history",
  subscribers: "sync/subscribers",
  consume: "sync/consume",
  job: "sync/job",
  member: "sync/member",
  told: "sync/told",
} as const;

/** One of the names above. The browser writes them out, so that it loads those that it uses. */
export type SyncEvent = (typeof sync)[keyof typeof sync];

type Shape = { readonly [key: string]: unknown };

export function isIndex(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function shape(value: unknown): Shape | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Shape) : undefined;
}

/** What a server tells a peer that it will hold it to. */
export interface WireLimits {
  readonly maxFrameBytes: number;
  readonly maxSubscriptions: number;
  readonly maxCallbacks: number;
}

export interface Hello {
  readonly v: number;
  readonly session: string | null;
  readonly token: string | null;
  /** It takes entries in the compact form. */
  readonly binary: boolean;
  /** It takes answers to subscriptions one by one. */
  readonly late: boolean;
}

/** The token of a hello, or of a renewal; nothing: there is none. */
export function readToken(token: unknown): string | undefined {
  return typeof token === "string" && token !== "" && token.length <= maxTokenLength ? token : undefined;
}

export function readHello(data: unknown): Hello | undefined {
  const hello = shape(data);
  if (!hello || !isIndex(hello["v"])) return undefined;
  const text = (value: unknown): string | null => (typeof value === "string" ? value : null);
  return {
    v: hello["v"],
    session: text(hello["session"]),
    token: text(hello["token"]),
    binary: hello["binary"] === true,
    late: hello["late"] === true,
  };
}

export interface Welcome {
  readonly session: string;
  readonly token: string;
  /** How others know the session: what they are told of who wrote. */
  readonly replica: string;
  readonly resumed: boolean;
  readonly boot: string;
  readonly limits: WireLimits;
  readonly user: unknown;
  /** Of a peer that said who it is with its hello: what the handshake could not say yet. */
  readonly handshake?: readonly [uid: unknown, data: unknown];
}

export function readWelcome(value: unknown): Welcome | undefined {
  const welcome = value as Partial<Welcome> | null | undefined;
  return typeof welcome?.session === "string" && typeof welcome.token === "string" ? (welcome as Welcome) : undefined;
}

/** `epoch` is null for "whichever it is". */
export interface Since {
  readonly epoch: string | null;
  readonly offset: number;
}

export interface Subscribe {
  readonly topic: string;
  readonly kind: string;
  /** Of the data, as the reader's definition has it. */
  readonly version: number;
  readonly since: Since | null;
  /** False: only to write. */
  readonly read: boolean;
}

export function readSince(value: unknown): Since | null {
  if (!Array.isArray(value) || !isIndex(value[1])) return null;
  return { epoch: typeof value[0] === "string" ? value[0] : null, offset: value[1] };
}

export function readSubscribe(data: unknown): (Subscribe | undefined)[] | undefined {
  if (!Array.isArray(data)) return undefined;
  return data.map((item: unknown) => {
    const { topic, kind, version, since, read } = shape(item) ?? {};
    if (typeof topic !== "string" || typeof kind !== "string") return undefined;
    return { topic, kind, version: isIndex(version) && version ? version : 1, since: readSince(since), read: read !== false };
  });
}

export interface Subscribed {
  readonly id: number;
  readonly at: Since;
  /** False: what follows is a snapshot, or for a kind without one, entries after a gap. */
  readonly recovered: boolean;
}

/** What is no answer comes back as an error that nobody can read. */
export function readSubscribed(value: unknown): Subscribed | { readonly error: unknown } {
  const { error, id, at, recovered } = (value ?? {}) as Shape;
  const since = readSince(at);
  return error === undefined && isIndex(id) && since ? { id, at: since, recovered: recovered === true } : { error };
}

/** `[id …]`, `[[id offset] …]`: pairs come back flat, id then offset. */
export function readIds(data: unknown): number[] | undefined {
  return Array.isArray(data) && data.every(isIndex) ? data : undefined;
}

export function readPositions(data: unknown): [id: number, offset: number][] | undefined {
  return Array.isArray(data) && data.every((pair) => Array.isArray(pair) && isIndex(pair[0]) && isIndex(pair[1]))
    ? data
    : undefined;
}

/** Operations to one topic, numbered from `firstSeq` on; the first `resent` of them were sent before. */
export interface WriteMessage {
  readonly id: number;
  readonly firstSeq: number;
  readonly ops: readonly unknown[];
  readonly resent: number;
}

export function readWrite(data: unknown): WriteMessage | undefined {
  if (!Array.isArray(data)) return undefined;
  const [id, firstSeq, ops, resent = 0] = data as unknown[];
  if (!isIndex(id) || !isIndex(firstSeq) || firstSeq === 0 || !Array.isArray(ops) || !isIndex(resent)) return undefined;
  return { id, firstSeq, ops, resent };
}

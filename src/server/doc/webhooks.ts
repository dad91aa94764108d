/**
 * Tells another server what becomes of documents, by HTTP: hooks to be given to `doc(sync, …)`.
 *
 * Requests and their signature are those of Hocuspocus' webhook extension, so that what receives them need not change.
 * Always: of one document one request is under way; what changed meanwhile comes with the next one; no document waits for a receiver, but
 * one that begins with its answer; once the server closes, nothing is tried again later.
 * Rules: docs/protocol/doc.md DOC59-DOC62.
 */
import * as Y from "yjs";
import { SyncError } from "../../core/errors.ts";
import { coreOf } from "../core.ts";
import type { DocChange, DocContext } from "./doc.ts";
import { postWebhook, type WebhookOutcome, type WebhookTarget } from "./webhook-post.ts";

/** `change`: after changes, as `onChange`. `create`: a document begins, and the answer may say with what. */
export type WebhookEvent = "change" | "create";

export interface WebhooksOptions {
  readonly url: string;
  /** Signs each request: whoever receives it can tell that it is yours. */
  readonly secret: string;
  /** Default `["change"]`. */
  readonly events?: readonly WebhookEvent[];
  /** What `documentName` says. Default: the topic. */
  readonly nameOf?: (context: DocContext<unknown>) => string;
  /** What `document` says of a document. Default: all of it as an update, in base64. */
  readonly toJson?: (doc: Y.Doc) => unknown;
  /** The update that an answer to `create` is, which was JSON. Default: the same. */
  readonly toUpdate?: (answer: unknown) => Uint8Array | undefined;
  /** An answer may take so long. Default 5,000. */
  readonly timeoutMs?: number;
  /** What was not taken is sent so often again. Default 5. */
  readonly retries?: number;
  /** Before it is sent again for the first time; twice as long each time, up to 30 s. Default 1,000. */
  readonly retryMs?: number;
  /** Documents whose changes are on their way at once, those that wait to be sent again included. Default 1,000. */
  readonly maxWaiting?: number;
  /** Default: the platform's. */
  readonly fetch?: typeof fetch;
}

export interface WebhookStats {
  readonly sent: number;
  /** Sent again. */
  readonly retried: number;
  /** Given up. */
  readonly failed: number;
  /** Not even tried: `maxWaiting` others were on their way. */
  readonly dropped: number;
  readonly waiting: number;
}

export interface Webhooks {
  /** For the options of `doc(sync, …)`. */
  readonly hooks: {
    readonly onChange?: (change: DocChange<unknown>) => Promise<void>;
    readonly onLoadDocument?: (context: DocContext<unknown>) => Promise<Uint8Array | undefined>;
  };
  stats(): WebhookStats;
}

/** Requests that are under way at once. */
const maxUnderWay = 8;
const maxRetryMs = 30_000;

/** Throws SyncError `invalid` without a secret. */
export function webhooks(server: object, options: WebhooksOptions): Webhooks {
  const { env, ends } = coreOf(server);
  const { url, secret, events = ["change"], timeoutMs = 5000, retries = 5, retryMs = 1000, maxWaiting = 1000 } = options;
  const { nameOf = ({ topic }) => topic, toJson = base64Of, toUpdate = updateOf } = options;
  if (!secret) throw new SyncError("invalid", "A webhook needs a secret: without it anybody could send what it sends.");
  if (!/^https?:$/.test(new URL(url).protocol)) throw new SyncError("invalid", "A webhook is called by http or https.");
  const target: WebhookTarget = { url, secret, timeoutMs, fetch: options.fetch ?? globalThis.fetch };
  const counters = { sent: 0, retried: 0, failed: 0, dropped: 0, waiting: 0 };
  let isClosing = false;
  /** What waits to be sent again. */
  const pauses = new Set<() => void>();
  let underWay = 0;
  const turns: (() => void)[] = [];

  ends.add(() => {
    isClosing = true;
    for (const end of pauses) end();
  });

  const pause = (delayMs: number): Promise<void> =>
    new Promise((resolve) => {
      const end = (): void => {
        env.clearTimer(timer);
        pauses.delete(end);
        resolve();
      };
      const timer = env.setTimer(end, delayMs);
      pauses.add(end);
    });

  const inTurn = async <T>(run: () => Promise<T>): Promise<T> => {
    if (underWay < maxUnderWay) underWay++;
    else await new Promise<void>((resolve) => turns.push(resolve));
    try {
      return await run();
    } finally {
      const next = turns.shift();
      if (next) next();
      else underWay--;
    }
  };

  const post = async (event: WebhookEvent, context: DocContext<unknown>, more: object): Promise<WebhookOutcome> => {
    // A change is many people's: there is no request that it came with.
    const payload = { documentName: nameOf(context), ...more, context: {}, requestHeaders: {}, requestParameters: {} };
    const outcome = await postWebhook(env, target, JSON.stringify({ event, payload }));
    if (outcome.isTaken) counters.sent++;
    return outcome;
  };
  const failure = (event: WebhookEvent, { topic }: DocContext<unknown>, cause: unknown): SyncError => {
    counters.failed++;
    return new SyncError("handler-failed", `The webhook was not told of "${event}" of "${topic}".`, { cause });
  };

  const tellChange = async (change: DocChange<unknown>): Promise<void> => {
    for (let tries = 0; ; tries++) {
      // As it is now: what was not taken is sent with what came since.
      const outcome = await inTurn(async () => post("change", change, { document: toJson(change.document) }));
      if (outcome.isTaken) return;
      if (!outcome.mayPass || tries >= retries || isClosing) throw failure("change", change, outcome.why);
      counters.retried++;
      await pause(Math.min(maxRetryMs, retryMs * 2 ** tries) * (0.5 + env.random() / 2));
    }
  };
  const onChange = async (change: DocChange<unknown>): Promise<void> => {
    if (counters.waiting >= maxWaiting) {
      counters.dropped++;
      throw new SyncError("backpressure", `The webhook is behind: it is not told of "${change.topic}".`);
    }
    counters.waiting++;
    try {
      await tellChange(change);
    } finally {
      counters.waiting--;
    }
  };
  /** Tried once: readers try again by themselves. */
  const onLoadDocument = async (context: DocContext<unknown>): Promise<Uint8Array | undefined> => {
    const outcome = await post("create", context, {});
    if (!outcome.isTaken) throw failure("create", context, outcome.why);
    const answer: unknown = outcome.answer ? JSON.parse(outcome.answer) : null;
    return answer === null || answer === "" ? undefined : toUpdate(answer);
  };

  return {
    hooks: {
      ...(events.includes("change") && { onChange }),
      ...(events.includes("create") && { onLoadDocument }),
    },
    stats: () => ({ ...counters }),
  };
}

function base64Of(doc: Y.Doc): string {
  return Buffer.from(Y.encodeStateAsUpdate(doc)).toString("base64");
}

function updateOf(answer: unknown): Uint8Array {
  if (typeof answer !== "string") throw new SyncError("invalid", "An answer is an update in base64, unless `toUpdate` is given.");
  return new Uint8Array(Buffer.from(answer, "base64"));
}

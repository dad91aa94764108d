/**
 * The user's own inbox as one client holds it: what `inbox` shows, and where `relay` waits for answers.
 *
 * It begins when the server has said who the user is, and follows to another inbox where that changes.
 * Always: one per client, whatever handles there are; a mark shows at once, and is taken back where it is rejected; whoever follows
 * is told each message once within an epoch of the inbox.
 * Rules: docs/protocol/inbox.md INBOX9-INBOX11, INBOX13, RELAY4-RELAY7.
 */
import { topicName } from "../core/definitions.ts";
import type { Timer } from "../core/env.ts";
import { SyncError } from "../core/errors.ts";
import type { User } from "../core/register.ts";
import { createStore, type Readable, type Unsubscribe } from "../core/store.ts";
import { createInboxReplica, type InboxState, inboxPattern, type StoredMessage } from "../kind/inbox.ts";
import type { Welcome } from "../session/messages/sync.ts";
import { coreOf, type KindCore } from "./client.ts";
import type { Held, TopicStatus } from "./held.ts";
import type { Receipt } from "./receipt.ts";
import type { ClientStatus } from "./status.ts";
import { writesOf } from "./writes.ts";

/** What this needs of a client. */
export interface MailClient {
  readonly user: Readable<User | undefined>;
  readonly status: Readable<ClientStatus>;
}

export interface Mail {
  /** With the marks that are on their way; undefined until the first value. */
  readonly state: Readable<InboxState | undefined>;
  readonly status: Readable<TopicStatus>;
  readonly error: SyncError | undefined;
  /** It is for this client, and no answer. */
  isShown(message: StoredMessage): boolean;
  /** Keeps it subscribed until called back. */
  use(): Unsubscribe;
  /** Calls `run` for each message that is shown, from the first unread one or from now on. */
  follow(run: (message: StoredMessage) => void, from: "unread" | "latest"): Unsubscribe;
  /** Nothing: nothing up to there is unread. */
  markRead(offset: number): Receipt | undefined;
  /** Waits for the answer to that request. Throws SyncError `limit`. */
  expect(request: string, timeoutMs: number, settle: (error: SyncError | undefined, answer?: unknown) => void): void;
  /** It failed: no answer will come. */
  fail(request: string, error: SyncError): void;
}

const mails = new WeakMap<object, Mail>();

export function mailOf(client: MailClient): Mail {
  const mail = mails.get(client) ?? createMail(coreOf(client), client);
  mails.set(client, mail);
  return mail;
}

interface Reader {
  readonly run: (message: StoredMessage) => void;
  from: "unread" | "latest";
  /** Undefined: as `from` says, once the state is known. */
  next: number | undefined;
}

interface Request {
  readonly timer: Timer;
  readonly release: Unsubscribe;
  settle(error: SyncError | undefined, answer?: unknown): void;
}

function createMail(core: KindCore, client: MailClient): Mail {
  const { env } = core;
  const state = createStore<InboxState | undefined>(undefined);
  const status = createStore<TopicStatus>("idle");
  const readers = new Set<Reader>();
  const requests = new Map<string, Request>();
  /** Marks that are on their way. */
  const marks = new Set<number>();
  let held: Held | undefined;
  let topic = "";
  let ends: Unsubscribe[] = [];
  /** Of what is held, while somebody uses it. */
  let release: Unsubscribe | undefined;
  let users = 0;

  /** One of ours says who the user is before it is connected. */
  const isPlain = (): boolean => !held && client.status.get().name === "connected";

  const isShown = ({ to, reply }: StoredMessage): boolean =>
    reply === undefined && (to === undefined || to === (core.facts.welcome as Partial<Welcome> | undefined)?.replica);

  const refresh = (): void => {
    const known = held?.replica?.value as InboxState | undefined;
    const read = Math.max(known?.read ?? 0, ...marks);
    const shown = known && read > known.read ? { ...known, read, missed: 0 } : known;
    const next = isPlain() ? "refused" : (held?.status.get() ?? "loading");
    core.attempt(() => state.set(shown), topic);
    core.attempt(() => status.set(users ? next : "idle"), topic);
  };

  const settle = (id: string, error: SyncError | undefined, answer?: unknown): void => {
    const request = requests.get(id);
    if (!request) return;
    requests.delete(id);
    env.clearTimer(request.timer);
    request.release();
    request.settle(error, answer);
  };

  const tell = (reader: Reader, { last, read, messages }: InboxState): void => {
    const next = reader.next ?? (reader.from === "unread" ? read : last) + 1;
    reader.next = last + 1;
    for (const message of messages) {
      if (message.offset < next || !isShown(message)) continue;
      core.attempt(() => readers.has(reader) && reader.run(message), topic);
    }
  };

  const changed = (): void => {
    refresh();
    const known = state.get();
    if (!known) return;
    for (const reader of [...readers]) tell(reader, known);
    if (!requests.size) return;
    for (const { reply, data } of known.messages) if (reply !== undefined) settle(reply, undefined, data);
  };

  /** The inbox's offsets count from 1 again: nobody has been told any of it. Who never knew an inbox begins as it wanted to. */
  const restart = (): void => {
    for (const reader of readers) {
      if (reader.next === undefined) continue;
      reader.next = undefined;
      reader.from = "unread";
    }
  };

  const enter = (user: User | undefined): void => {
    const next = user && topicName(inboxPattern, { user: user.id });
    if (next !== undefined && next !== topic) {
      for (const end of ends) end();
      release?.();
      if (held) restart();
      topic = next;
      held = core.hold(topic, "inbox", createInboxReplica);
      ends = [held.listen(changed), held.status.listen(refresh), held.onGap(({ from }) => from || restart())];
      release = users ? held.use() : undefined;
    }
    changed();
  };

  const use = (): Unsubscribe => {
    let used = true;
    if (users++ === 0) release = held?.use();
    refresh();
    return () => {
      if (!used) return;
      used = false;
      if (--users === 0) release?.();
      refresh();
    };
  };

  client.user.subscribe(enter);
  client.status.listen(refresh);
  core.join({
    receive: () => false,
    lost(isOver) {
      if (isOver) for (const id of [...requests.keys()]) settle(id, new SyncError("closed"));
    },
  });

  return {
    state,
    status,
    get error() {
      return isPlain() ? new SyncError("feature-not-supported", "A plain Sente server") : held?.error;
    },
    isShown,
    use,
    follow(run, from) {
      const reader: Reader = { run, from, next: undefined };
      const leave = use();
      readers.add(reader);
      const known = state.get();
      if (known) tell(reader, known);
      return () => {
        readers.delete(reader);
        leave();
      };
    },
    markRead(offset) {
      const known = state.get();
      const upTo = Math.min(offset, known?.messages.at(-1)?.offset ?? 0);
      if (!held || !known || upTo <= known.read) return undefined;
      marks.add(upTo);
      refresh();
      const receipt = writesOf(core).writer(topic, "inbox", held).write([1, upTo], { idempotent: true });
      const settled = (): void => {
        marks.delete(upTo);
        refresh();
      };
      receipt.stored.then(settled, settled);
      return receipt;
    },
    expect(request, timeoutMs, settled) {
      if (requests.size >= core.maxPending) throw new SyncError("limit", `Over ${core.maxPending} requests`, { retry: "later" });
      const timer = env.setTimer(() => settle(request, new SyncError("timeout")), timeoutMs);
      requests.set(request, { timer, release: use(), settle: settled });
    },
    fail: settle,
  };
}

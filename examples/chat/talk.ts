/** What a page does in one place, a room or with one person: the same for React and for Svelte. */
import { type Client, channel, type Gap, inbox, type Readable, relay } from "sente-sync/client";
import { type events, room, type Said } from "./contract.ts";
import { type Message, type Messages, noMessages, withOutcome, withPast, withSending, withStored } from "./messages.ts";

export type ChatClient = Client<typeof events>;

export interface Talk {
  readonly messages: Readable<Messages>;
  say(text: string): void;
  /** Loads what was said before. */
  older(): Promise<void>;
  /** Asks the server for everything that this window was told as stored. */
  check(): Promise<Checked>;
}

export interface Checked {
  /** So many of so many the server no longer has. */
  readonly lost: number;
  readonly of: number;
}

const pageSize = 30;

export function talkInRoom(client: ChatClient, name: string, me: string): Talk {
  const talk = createTalk(me);
  const { change } = talk;

  // #region room
  const here = channel(client, room({ room: name }));
  here.subscribe((message) => change((messages) => withStored(messages, [stored(message)])), {
    onGap: (gap) => startOver(gap), // away for longer than the server keeps what was said
  });

  /** The newest page, or the one before what is there. */
  const load = async (before?: number): Promise<void> => {
    const past = await here.history({ limit: pageSize, ...(before && { before }) });
    change((messages) => withPast(withStored(messages, past.messages.map(stored)), past.more));
  };

  const say = (text: string): void => talk.send(text, (said) => here.publish("said", said).stored);
  // #endregion

  const loadNewest = (): void => void load().catch(() => {}); // the line broke: with the next one
  const startOver = ({ from }: Gap): void => {
    // What was kept long enough is not lost.
    if (from) talk.told.clear();
    change(({ list }) => ({ ...noMessages, list: list.filter(({ offset }) => !offset) }));
    loadNewest();
  };
  here.status.subscribe((status) => {
    if (status === "live" && !talk.messages.get().isLoaded) loadNewest();
  });

  return {
    messages: talk.messages,
    say,
    older: () => load(talk.messages.get().list[0]?.offset).catch(() => {}),
    async check() {
      const missing = new Set(talk.told.keys());
      const of = missing.size;
      const oldest = Math.min(...talk.told.values());
      let before: number | undefined;
      do {
        const { messages } = await here.history({ limit: pageSize, ...(before && { before }) });
        for (const { data } of messages) missing.delete(data.id);
        before = messages[0]?.offset ?? 0;
      } while (missing.size && before > oldest);
      return { lost: missing.size, of };
    },
  };
}

const stored = ({ data, offset }: { readonly data: Said; readonly offset: number }): Message => ({
  ...data,
  offset,
  state: "stored",
});

export function talkWith(client: ChatClient, person: string, me: string): Talk {
  const talk = createTalk(me);

  // #region direct
  const mail = inbox(client);
  const read = (): void => {
    const ours = mail.items.get().flatMap(({ event, data, from, offset }) => {
      if (event !== "chat/direct" || !from || (from.user === me ? data.to : from.user) !== person) return [];
      return [stored({ data: { ...data, by: from.user }, offset })]; // who it is from is the server's word
    });
    const isLive = mail.status.get() === "live";
    talk.change((messages) => ({ ...withStored(messages, ours), isLoaded: messages.isLoaded || isLive }));
  };
  mail.items.subscribe(read);
  mail.status.listen(read);

  const say = (text: string): void =>
    talk.send(text, (said) => {
      const receivers = [me, person]; // a copy is for the writer's own windows
      const receipts = receivers.map((user) => relay(client).send({ user }, "chat/direct", { ...said, to: person }));
      return Promise.all(receipts.map((receipt) => receipt.stored)); // there or not: it waits in the inbox
    });
  // #endregion

  return {
    messages: talk.messages,
    say,
    older: async () => {},
    async check() {
      await until(mail.status, "live");
      const kept = new Set(mail.items.get().map(({ data }) => (data as Said).id));
      const all = [...talk.told.keys()];
      return { lost: all.filter((id) => !kept.has(id)).length, of: all.length };
    },
  };
}

function until<T>(store: Readable<T>, wanted: T): Promise<void> {
  return new Promise((resolve) => {
    if (store.get() === wanted) return resolve();
    const stop = store.listen((now) => {
      if (now !== wanted) return;
      stop();
      resolve();
    });
  });
}

/** What both have: messages as a store, and those on their way. */
function createTalk(me: string) {
  let messages = noMessages;
  /** Ids of all that were told as stored, with their offsets, 0 where that is not known yet. */
  const told = new Map<string, number>();
  const listeners = new Set<(messages: Messages) => void>();
  const listen = (run: (messages: Messages) => void): (() => void) => {
    listeners.add(run);
    return () => void listeners.delete(run);
  };
  const change = (to: (before: Messages) => Messages): void => {
    messages = to(messages);
    for (const { id, state, offset } of messages.list) if (state === "stored") told.set(id, offset);
    for (const run of [...listeners]) run(messages);
  };
  const store: Readable<Messages> = {
    get: () => messages,
    listen,
    subscribe(run) {
      run(messages);
      return listen(run);
    },
  };
  return {
    messages: store,
    told,
    change,
    /** Shows it at once, and what becomes of it. */
    send(text: string, send: (said: Said) => Promise<unknown>) {
      const said = { id: newId(), by: me, text, atMs: Date.now() };
      change((before) => withSending(before, said));
      send(said).then(
        () => change((before) => withOutcome(before, said.id)),
        (error: Error) => change((before) => withOutcome(before, said.id, error.message)),
      );
    },
  };
}

const newId = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("");

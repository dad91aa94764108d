/**
 * Histories of inboxes: users with several tabs, and one who is away, get mail from clients and from the server, and everything breaks:
 * lines, pages, the server, its disk. Nothing is forgotten: inboxes have no limits here.
 *
 * Always: the options of a seed are drawn before anything runs; what is drawn here is limits and timings, faults are `simulate`'s.
 * Rules: docs/reliability.md DURABLE9-DURABLE11.
 */
import { isSyncError } from "sente-sync";
import { type Client, type ClientInbox, inbox as clientInbox, type Receipt, rejectedWrites, relay } from "sente-sync/client";
import { edn } from "sente-sync/packers/edn";
import { inbox, type Server, type ServerInbox } from "sente-sync/server";
import { createRng, type SimulatedClient, type SimulateOptions, type VirtualClock } from "sente-sync/testing";
import { mailOf } from "../../src/client/mail.ts";
import { ownBudget } from "../../src/wire/packer.ts";
import { type Answer, type Follower, InboxChecker, type InboxRecord } from "./inbox-checker.ts";
import { drawLimits } from "./limits.ts";
import { Notes } from "./notes.ts";
import { onError } from "./reports.ts";

const users = ["ada", "bob", "eve"] as const;
/** Has no page at first, and often none at all. */
const away = "eve";
const event = "mail/note";
type Note = { readonly id: string; readonly pad: string };
type Mail = ReturnType<InboxChecker["mail"]>;

export class InboxModel {
  readonly notes: Notes = new Notes();
  readonly checker: InboxChecker;
  /** By client, what its page in its present life does. */
  readonly pages: Map<string, InboxPage> = new Map();
  /** What servers sent and were not told of yet. */
  readonly servers: Set<Mail> = new Set();
  lives = 0;

  constructor(clock: VirtualClock, mayForget: boolean) {
    this.checker = new InboxChecker(this.notes);
    this.checker.mayForget = mayForget;
    clock.onCrash((node) => {
      if (node === "server") {
        for (const mail of this.servers) mail.orphaned();
        this.servers.clear();
      } else this.pages.get(node)?.vanish();
    });
  }
}

const rows = edn();

/** The messages that the page's storage has now, and whether each has its number. */
function keptBy({ store }: SimulatedClient<unknown>): { readonly id: string; readonly isNumbered: boolean }[] {
  return (store?.text ?? "").split("\n").flatMap((line) => {
    if (!line.includes(event)) return [];
    const [, , op, , , seq] = rows.unpack(line, ownBudget) as readonly unknown[];
    return [{ id: noteOf(op).id, isNumbered: (seq as number) > 0 }];
  });
}

/** Of an operation or an entry. */
const noteOf = (op: unknown): Note => (op as readonly [0, string, Note])[2];

/** One page in one life. */
class InboxPage {
  readonly mail: ClientInbox;
  readonly user: string;
  readonly #model: InboxModel;
  readonly #page: SimulatedClient<unknown>;
  readonly #client: Client;
  readonly #writer: string;
  readonly #unsettled = new Set<Mail>();
  readonly #others = new Map<number, () => void>();
  readonly #followers: Follower[] = [];
  readonly #marks: { readonly receipt: Receipt; readonly upTo: number }[] = [];
  #count = 0;

  constructor(client: Client, model: InboxModel, page: SimulatedClient<unknown>) {
    this.#client = client;
    this.#model = model;
    this.#page = page;
    this.#writer = `${page.name}.${page.lives}`;
    this.user = page.user.id;
    this.mail = clientInbox(client);
    rejectedWrites(client).listen((list) => {
      for (const { op } of list) if ((op as readonly unknown[])[0] === 0) model.checker.refused(noteOf(op).id);
    });
    this.#watchMarks();
    this.#follow("unread", "main");
    model.pages.set(page.name, this);
  }

  send(to: string, count: number, pad: string): void {
    for (let i = 0; i < count; i++) {
      const id = `${this.#writer}#${++this.#count}`;
      const receipt = relay(this.#client).send({ user: to }, event, { id, pad });
      sending(this.#model, this.#model.checker.mail(id, to, this.user), receipt.stored, () => receipt.offset, this.#unsettled);
    }
  }

  mark(offset: number | undefined): void {
    const upTo = Math.min(offset ?? Number.POSITIVE_INFINITY, this.mail.items.get().at(-1)?.offset ?? 0);
    const receipt = this.mail.markRead(offset);
    if (!receipt) return;
    this.#marks.push({ receipt, upTo });
    receipt.stored.then(
      () => this.#model.checker.marked(this.user, upTo),
      () => {},
    );
  }

  /** Another follower, or its end. */
  toggle(slot: number, from: "unread" | "latest"): void {
    const end = this.#others.get(slot);
    if (end) {
      end();
      this.#others.delete(slot);
    } else this.#others.set(slot, this.#follow(from, `reader${slot}`));
  }

  get pending(): number {
    return this.#unsettled.size;
  }

  vanish(): void {
    for (const mail of this.#unsettled) mail.orphaned();
    this.#unsettled.clear();
    for (const follower of this.#followers) follower.isOver = true;
    for (const { id } of keptBy(this.#page)) this.#model.checker.kept(id);
  }

  #follow(from: "unread" | "latest", slot: string): () => void {
    const follower = this.#model.checker.follower(`${this.#writer} ${slot}`, this.user);
    let wasEmpty = true;
    // Before the first message is told.
    const end = mailOf(this.#client).state.subscribe((state) => {
      // In a new epoch it is told what is unread there.
      const isFirst = follower.after.length === 0;
      if (state && wasEmpty) follower.after.push(isFirst && from === "latest" ? state.last : state.read);
      if (state) wasEmpty = state.last === 0;
    });
    const stop = this.mail.subscribe(({ offset, data, from: sender }) => follower.tell(offset, (data as Note).id, sender?.user), {
      from,
    });
    this.#followers.push(follower);
    return () => {
      follower.isOver = true;
      end();
      stop();
    };
  }

  /** What is read stays so, but for a mark of its own that was rejected. */
  #watchMarks(): void {
    let read = 0;
    mailOf(this.#client).state.listen((state) => {
      if (!state) return;
      const isRejected = this.#marks.some(({ receipt, upTo }) => receipt.status === "rejected" && upTo === read);
      if (state.read < read && !isRejected)
        this.#model.notes.wrong(`${this.#writer} had read up to ${read}, and then up to ${state.read}`);
      if (state.read < read) this.#model.notes.reached("a mark taken back");
      ({ read } = state);
    });
  }
}

/** Follows a message to its answer. */
function sending(
  { servers }: InboxModel,
  mail: Mail,
  stored: Promise<unknown>,
  offset: () => number | undefined,
  unsettled: Set<Mail> = servers,
): void {
  unsettled.add(mail);
  const settled = (answer: Answer): void => {
    unsettled.delete(mail);
    mail.settled(answer);
  };
  stored.then(
    (at) => settled({ offset: typeof at === "number" ? at : offset() }),
    (error: unknown) => settled({ code: isSyncError(error) ? error.code : String(error) }),
  );
}

export interface InstalledInbox {
  readonly mail: ServerInbox;
  readonly life: number;
  sent: number;
}

const endless = { maxEntries: 1e9, maxBytes: 1e12, maxAgeMs: 1e15 };

function readRecord(entry: unknown): InboxRecord {
  const [kind, second, , from] = entry as readonly unknown[];
  if (kind === 1) return { read: second as number };
  return { id: noteOf(entry).id, from: (from as readonly string[] | null)?.[0] };
}

/** What `simulate` is to run for that seed. */
export function inboxHistory(seed: number | string): SimulateOptions<InstalledInbox, InboxPage, InboxModel> {
  const rng = createRng(`inbox/${seed}`);
  const limits = drawLimits(rng.fork("limits"));
  return {
    ...limits,
    seed,
    clients: rng.pick([2, 3, 4]),
    user: (index) => ({ id: index % 2 ? "bob" : "ada" }),
    ops: 60 + rng.int(80),
    outbox: rng.chance(0.6) && { meanSaveMs: rng.pick([0, 2, 50]) },
    without: ["client-copy"],
    model: (clock) => new InboxModel(clock, limits.mayForget),
    install: (sync: Server, model) => ({ mail: inbox(sync, { retention: endless }), life: model.lives++, sent: 0 }),
    open: (client, { model, page }) => new InboxPage(client, model, page),
    workload: {
      send: ({ client, rng: draws }) =>
        client.app.send(draws.pick(users), draws.pick([1, 1, 2, 6]), draws.chance(0.1) ? "x".repeat(3000) : ""),
      sendMore: ({ client, rng: draws }) => client.app.send(draws.pick(users), draws.pick([1, 2]), ""),
      notify({ world, model, rng: draws }) {
        if (!world.server.isUp) return;
        const { app } = world.server;
        const to = draws.pick(users);
        for (let i = draws.pick([1, 1, 3]); i > 0; i--) {
          const id = `server.${app.life}#${++app.sent}`;
          const mail = model.checker.mail(id, to, undefined);
          sending(model, mail, app.mail.notify(to, event, { id, pad: "" }).stored, () => undefined);
        }
      },
      mark({ client, rng: draws }) {
        const items = client.app.mail.items.get();
        client.app.mark(draws.chance(0.5) || !items.length ? undefined : draws.pick(items).offset);
      },
      read: ({ client, rng: draws }) => client.app.toggle(draws.int(2), draws.pick(["unread", "latest"])),
      reconnect: ({ client }) => client.client.reconnect(),
      comeBack({ world, rng: draws }) {
        if (world.clients.length < 5 && draws.chance(0.2)) world.client({ user: { id: away } });
      },
      copy({ client, world, model }) {
        if (!client.store || world.clients.length > 4) return;
        // What has no number yet is each copy's own.
        for (const { id, isNumbered } of keptBy(client)) isNumbered ? model.checker.kept(id) : model.checker.copied(id);
        world.client({ like: client });
        model.notes.reached("a copy of a client's storage");
      },
    },
    onError,
    unsettled({ model, clients }) {
      const page = clients.find(({ app }) => app.mail.status.get() !== "live");
      return page ? `${page.name} has not subscribed` : model.servers.size ? "the server waits for its disk" : undefined;
    },
    always: ({ model }) => model.notes.judge(),
    async after(world) {
      const { model, clients } = world;
      const { notes, checker } = model;
      // What pages that are gone have sent may still wait for the disk, which is tried every 5 s.
      await world.advance("6s");
      const shown = clients.map(({ name, app }) => {
        if (app.pending) notes.wrong(`${name} waits for ${app.pending} receipts`);
        const items = app.mail.items.get().map(({ offset, data }) => `${offset} ${(data as Note).id}`);
        return { name, user: app.user, items, unread: app.mail.unread.get() };
      });
      for (const user of users) {
        const records = (await world.stored(`inbox/${user}`)).entries.map(readRecord);
        const read = checker.judge(user, records);
        const messages = records.flatMap((record, index) => ("id" in record ? [{ offset: index + 1, id: record.id }] : []));
        const items = messages.map(({ offset, id }) => `${offset} ${id}`);
        const unread = messages.filter(({ offset }) => offset > read).length;
        for (const page of shown) {
          if (page.user !== user) continue;
          if (page.items.join() !== items.join())
            notes.wrong(`${page.name} shows ${page.items.length} messages; ${user} has ${items.length}`);
          if (page.unread !== unread) notes.wrong(`${page.name} shows ${page.unread} unread; ${user} has ${unread}`);
        }
        if (user === away && messages.length && !shown.some((page) => page.user === away))
          notes.reached("mail for a user who never came");
      }
      for (const client of clients) for (const { id } of keptBy(client)) notes.wrong(`${client.name} still keeps ${id}`);
      notes.judge();
    },
  };
}

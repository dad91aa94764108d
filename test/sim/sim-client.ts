/**
 * A client of a simulated world in one of its lives, made through the public API: its readers, its writes, its page. It
 * reports to the checker what it did and was told.
 */
import { isSyncError } from "sente-sync";
import {
  type Client,
  type ClientAtom,
  type ClientChannel,
  atom as clientAtom,
  channel as clientChannel,
  createClient,
} from "sente-sync/client";
import type { Env } from "../../src/core/env.ts";
import type { AtomReader, ChannelReader, Checker, Place, Write } from "./checker.ts";
import type { Middlebox } from "./middlebox.ts";
import type { ClientPlan, Plan } from "./plan.ts";
import { boardRef, canonical, packerOf, type roomEvents, roomRef, type State, stateRef } from "./topics.ts";

/** Where a page's signs of waking come from: what the client finds in its globals. */
interface Page {
  readonly document: { visibilityState: string } & ReturnType<typeof createListeners>["target"];
  readonly fire: (sign: string) => void;
}

function createListeners() {
  const listeners = new Map<string, () => void>();
  const target = {
    addEventListener: (name: string, run: () => void) => void listeners.set(name, run),
    removeEventListener: (name: string) => void listeners.delete(name),
  };
  return { listeners, target };
}

/** Runs `run` where the globals are those of a page. */
function createPage(): { page: Page; within<T>(run: () => T): T } {
  const { listeners, target } = createListeners();
  const document = { visibilityState: "visible", ...target };
  const own = { document, ...target };
  const within = <T>(run: () => T): T => {
    const globals = globalThis as unknown as Record<string, unknown>;
    const before = Object.keys(own).map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)] as const);
    for (const [name, value] of Object.entries(own)) Object.defineProperty(globals, name, { value, configurable: true });
    try {
      return run();
    } finally {
      for (const [name, descriptor] of before) {
        if (descriptor) Object.defineProperty(globals, name, descriptor);
        else delete globals[name];
      }
    }
  };
  return { page: { document, fire: (sign) => within(() => listeners.get(sign)?.()) }, within };
}

function later(a: Place | undefined, b: Place | undefined): Place | undefined {
  return !a || (b && (b.life > a.life || (b.life === a.life && b.offset > a.offset))) ? b : a;
}

/** One client in one of its lives: from the page's load to its end. */
export class SimClient {
  readonly name: string;
  readonly client: Client;
  readonly box: Middlebox;
  readonly state: ClientAtom<State>;
  readonly board: ClientAtom<unknown>;
  readonly room: ClientChannel<typeof roomEvents>;
  readonly #plan: ClientPlan;
  readonly #checker: Checker;
  readonly #page: Page;
  readonly #atoms = new Map<string, { readonly stop: () => void; readonly reader: AtomReader }>();
  readonly #rooms = new Map<number, { readonly stop: () => void; readonly reader: ChannelReader }>();
  readonly #isExact: boolean;
  #isOver = false;
  readonly #writer: string;
  #published = 0;
  #bumps = 0;
  /** The last event that any of its readers was told; that those of now were told. */
  #heard: Place | undefined;
  #shared: Place | undefined;
  readonly #unsettled = new Set<Write>();

  constructor(options: { name: string; life: number; plan: Plan; own: ClientPlan; env: Env; box: Middlebox; checker: Checker }) {
    const { name, life, plan, own, env, box, checker } = options;
    this.name = name;
    this.box = box;
    this.#plan = own;
    this.#checker = checker;
    // Where a frame may be lost in silence, or an update waits, a reply may come before what it tells of.
    this.#isExact = plan.debounceMs === 0 && !plan.ops.some((op) => op.name === "swallow");
    const { page, within } = createPage();
    this.#page = page;
    const { keepaliveMs, pingTimeoutMs, connectTimeoutMs, maxDelayMs, maxAttempts, stableAfterMs, positionMs, lingerMs } = own;
    this.client = within(() =>
      createClient(`ws://server/chsk?user=${own.user}`, {
        env,
        connector: box,
        packer: packerOf(plan),
        reconnect: { keepaliveMs, pingTimeoutMs, connectTimeoutMs, maxDelayMs, maxAttempts, stableAfterMs },
        positionMs,
        lingerMs,
        onError: (error, where) => checker.wrong(`${name} reported, at ${where}: ${error}`),
      }),
    );
    this.#writer = `${name}.${life}`;
    this.state = clientAtom(this.client, stateRef);
    this.board = clientAtom(this.client, boardRef);
    this.room = clientChannel(this.client, roomRef);
    this.client.status.listen(({ reason }) => {
      if (reason === "ws-ping-timeout") checker.reached("a dead line found by a ping");
      if (reason === "connect-timeout") checker.reached("a connect that never ends given up");
    });
    this.room.status.listen((status) => {
      if (status === "live") for (const { reader } of this.#rooms.values()) reader.live();
    });
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  wake(sign: string): void {
    this.#page.fire(sign);
  }

  toggleAtom(topic: "state" | "board", slot: number): void {
    const key = `${topic}${slot}`;
    const open = this.#atoms.get(key);
    if (open) {
      open.stop();
      this.#atoms.delete(key);
      return;
    }
    const handle = topic === "state" ? this.state : this.board;
    const reader = this.#checker.atomReader(`${this.name}.${key}`, topic === "state" ? "state" : `board/${this.#plan.user}`);
    const value = handle.get();
    reader.has(value === undefined ? undefined : canonical(value));
    const stop = handle.listen((next, { cause }) => {
      this.#alive(key);
      reader.told(next === undefined ? undefined : canonical(next), cause);
    });
    this.#atoms.set(key, { stop, reader });
  }

  toggleRoom(slot: number, how: string): void {
    const open = this.#rooms.get(slot);
    if (open) {
      open.stop();
      this.#rooms.delete(slot);
      return;
    }
    // Offsets mean nothing in another epoch: who was told of one begins anew, and so does who may not have been told,
    // because nobody read while the client was still subscribed.
    const status = this.room.status.get();
    if (!this.#rooms.size && status !== "idle") this.#heard = undefined;
    const last = Math.min(this.#heard?.offset ?? 0, status === "live" ? this.#checker.head("room") : Number.POSITIVE_INFINITY);
    const from = how === "latest" ? undefined : how === "first" ? 1 : how === "resume" ? last + 1 : Math.max(1, last - 2);
    // Without readers a client forgets where it was.
    if (!this.#rooms.size) this.#shared = undefined;
    const reader = this.#checker.channelReader(`${this.name}.room${slot}`, "room", from, this.#shared);
    const stop = this.room.subscribe(
      ({ data, offset }) => {
        this.#alive(`room${slot}`);
        reader.told(data.id, offset);
        this.#heard = later(this.#heard, reader.at);
        this.#shared = later(this.#shared, reader.at);
      },
      {
        from: from ?? "latest",
        onGap: (gap) => {
          if (gap.to === 0) this.#heard = undefined;
          reader.gap(gap);
        },
      },
    );
    if (this.room.status.get() === "live") reader.live();
    this.#rooms.set(slot, { stop, reader });
  }

  publish(count: number): void {
    for (let i = 0; i < count; i++) {
      const id = `${this.#writer}#${++this.#published}`;
      const write = this.#checker.write(id);
      this.#unsettled.add(write);
      const receipt = this.room.publish("said", { id, pad: "" });
      const settled = (status: "stored" | "rejected", code?: string): void => {
        this.#unsettled.delete(write);
        // Only the client's own end, or a server that forgot its session, ends a write that was allowed.
        if (code !== undefined && code !== (this.#isOver ? "closed" : "session-lost"))
          this.#checker.wrong(`${id} of a client that ${this.#isOver ? "is closed" : "lives"} ended in ${code}`);
        write.settled(status, receipt.offset, code);
      };
      receipt.stored.then(
        () => settled("stored"),
        (error: unknown) => settled("rejected", isSyncError(error) ? error.code : String(error)),
      );
    }
  }

  /** Asks the server to update the atom: when the reply is here, so is what it did. */
  bump(): void {
    if (++this.#bumps > 200) return;
    void this.client.request("sim/bump", undefined, { timeoutMs: 3000 }).then(
      (reply) => {
        const { life, n } = reply as { life: number; n: number };
        const value = this.state.get();
        if (!this.#isExact || this.state.status.get() !== "live" || !this.#atoms.has("state0") || value?.life !== life) return;
        this.#checker.reached("a reply compared with its effect");
        if (value.n < n) this.#checker.wrong(`${this.name}: a reply told of ${n} while the atom shows ${value.n}`);
      },
      (error: unknown) => {
        if (!isSyncError(error, "timeout") && !isSyncError(error, "closed"))
          this.#checker.wrong(`${this.name}: request failed: ${error}`);
      },
    );
  }

  /** Readers of everything, for the end. */
  readAll(): void {
    if (!this.#atoms.has("state0")) this.toggleAtom("state", 0);
    if (!this.#atoms.has("board0")) this.toggleAtom("board", 0);
    if (!this.#rooms.has(0)) this.toggleRoom(0, "latest");
  }

  /** Connected, and every subscription was answered. */
  get isSettled(): boolean {
    return (
      this.client.status.get().name === "connected" &&
      [this.state, this.board, this.room].every(({ status }) => status.get() === "live")
    );
  }

  /** What is not as the server has it; nothing when all is. */
  uneven(): string | undefined {
    const { name, reason } = this.client.status.get();
    if (name !== "connected") return `${this.name} is ${name} (${reason})`;
    for (const [key, { reader }] of this.#atoms) if (!reader.isEven()) return `${this.name}.${key} is not at the server's value`;
    if (this.#unsettled.size) return `${this.name} waits for receipts`;
    for (const [slot, { reader }] of this.#rooms)
      if (!reader.isEven()) return `${this.name}.room${slot} has not heard the last event`;
    return undefined;
  }

  end(): void {
    this.#isOver = true;
    this.client.close();
  }

  /** The page vanished: what it was promised nobody will hear. */
  vanish(): void {
    this.#isOver = true;
    for (const write of this.#unsettled) write.settled("rejected", undefined, "vanished");
  }

  #alive(who: string): void {
    if (this.#isOver) this.#checker.wrong(`${this.name}.${who} was told something after its end`);
  }
}

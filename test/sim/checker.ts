/**
 * What is true in a simulated world, and whether its readers were told that and nothing else. It knows nothing of the
 * product: servers' lives, offsets, values and events are plain strings and numbers that the world reports.
 *
 * Always: the first thing that is wrong is the first finding; a world without findings kept RESUME1-RESUME9.
 * Rules: docs/protocol/resume.md RESUME1-RESUME9.
 */

/** Where a value or an event stands: which life of the server, which offset in it. */
export interface Place {
  readonly life: number;
  readonly offset: number;
}

export interface Gap {
  readonly from: number;
  readonly to: number;
}

export interface Finding {
  readonly atMs: number;
  readonly what: string;
}

/** One topic of a server in all its lives; entries are unique strings. */
interface Series {
  readonly maxEntries: number;
  /** Its epochs may be shorter than the server's lives. */
  readonly isDerived: boolean;
  /** By life: entry by offset; at 0 the first value, or nothing. */
  readonly lives: (string | undefined)[][];
  readonly places: Map<string, Place>;
}

export interface AtomReader {
  /** What the reader has from now on; undefined: it has nothing. */
  has(value: string | undefined): void;
  told(value: string | undefined, cause: string): void;
  /** What it was told last is the server's last. */
  isEven(): boolean;
}

export interface ChannelReader {
  told(event: string, offset: number): void;
  gap(gap: Gap): void;
  /** The subscription stands: nothing that comes from now on may be missed. */
  live(): void;
  isEven(): boolean;
}

export interface Write {
  settled(status: "stored" | "rejected", offset: number | undefined, code: string | undefined): void;
}

export type States = Record<string, number>;

export class Checker {
  readonly findings: Finding[] = [];
  /** Rare states that were reached, and how often. */
  readonly states: States = {};
  /** Entries told to readers. */
  delivered = 0;
  /** Everything told, in order: two runs of a seed agree in it. */
  log = 0;
  life = -1;
  readonly #nowMs: () => number;
  readonly #series = new Map<string, Series>();
  readonly #writes = new Map<
    string,
    { readonly event: string; status?: string; offset?: number | undefined; code?: string | undefined }
  >();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  wrong(what: string): void {
    this.findings.push({ atMs: this.#nowMs(), what });
  }

  reached(state: string): void {
    this.states[state] = (this.states[state] ?? 0) + 1;
  }

  #heard(text: string): void {
    for (let i = 0; i < text.length; i++) this.log = Math.imul(this.log ^ text.charCodeAt(i), 0x01000193);
  }

  // What is true.

  /** A topic that keeps that many entries; infinite: nobody can say how many. */
  declare(name: string, maxEntries: number, isDerived = false): void {
    this.#series.set(name, { maxEntries, isDerived, lives: [], places: new Map() });
  }

  /** A server began with nothing of what was. */
  beginLife(): number {
    this.life++;
    for (const series of this.#series.values()) series.lives.push([undefined]);
    return this.life;
  }

  #of(name: string): Series {
    return this.#series.get(name) as Series;
  }

  #entries(name: string): (string | undefined)[] {
    return this.#of(name).lives[this.life] as (string | undefined)[];
  }

  head(name: string): number {
    return this.#entries(name).length - 1;
  }

  last(name: string): string | undefined {
    return this.#entries(name).at(-1);
  }

  /** The value of an atom after a turn; the same as before is no entry. */
  committed(name: string, value: string, isFirst = false): void {
    const entries = this.#entries(name);
    if (isFirst) entries[0] = value;
    else if (entries.at(-1) === value) return;
    else entries.push(value);
    this.#of(name).places.set(value, { life: this.life, offset: entries.length - 1 });
  }

  published(name: string, event: string, offset: number): void {
    const entries = this.#entries(name);
    const { places } = this.#of(name);
    if (offset !== entries.length) this.wrong(`${name}: the server stored ${event} at ${offset}, after ${entries.length - 1}`);
    if (places.has(event)) this.wrong(`${name}: the server stored ${event} twice`);
    entries.push(event);
    places.set(event, { life: this.life, offset });
  }

  #headIn(name: string, life: number): number {
    return (this.#of(name).lives[life]?.length ?? 1) - 1;
  }

  /** The oldest offset kept after `head`. */
  #first(name: string, head: number): number {
    return Math.max(1, head - this.#of(name).maxEntries + 1);
  }

  // What readers are told.

  atomReader(who: string, name: string): AtomReader {
    const { places, maxEntries, isDerived } = this.#of(name);
    let at: Place | undefined;
    return {
      has(value) {
        at = value === undefined ? undefined : places.get(value);
      },
      told: (value, cause) => {
        this.#heard(`${who} ${cause} ${value}`);
        const next = value === undefined ? undefined : places.get(value);
        if (!next) return this.wrong(`${who} was told a value of ${name} that the server never had (${cause}): ${value}`);
        this.delivered++;
        const before = at;
        at = next;
        const step = `${who}: ${name} from ${show(before)} to ${show(next)} by ${cause}`;
        if (!before) {
          if (cause !== "snapshot") this.wrong(`${step}, without a value to apply entries to`);
        } else if (next.life < before.life) this.wrong(`${step}: back to an older server`);
        else if (next.life > before.life) {
          this.reached("an atom's epoch change seen");
          if (cause !== "snapshot") this.wrong(`${step}: an entry of another epoch was applied`);
        } else if (next.offset < before.offset + (isDerived && cause === "snapshot" ? 0 : 1)) this.wrong(`${step}: not forward`);
        else if (cause === "snapshot") {
          this.reached("a snapshot after an overrun");
          if (next.offset - before.offset <= maxEntries) this.wrong(`${step}, although the tail still held its position`);
        }
      },
      isEven: () => at?.life === this.life && at.offset === this.head(name),
    };
  }

  /** `from`: the offset asked for; undefined: from now on. `others`: what this client was told already. */
  channelReader(
    who: string,
    name: string,
    from: number | undefined,
    others: Place | undefined,
  ): ChannelReader & { readonly at: Place | undefined } {
    const { places } = this.#of(name);
    /** What comes next in `life`; undefined: whichever comes. */
    let next = from;
    let life: number | undefined;
    let epochGaps = 0;
    let isNewEpoch = false;
    /** Everything after it must come. */
    let floor: Place | undefined;
    const reader = {
      at: undefined as Place | undefined,
      told: (event: string, offset: number): void => {
        this.#heard(`${who} ${offset} ${event}`);
        const place = places.get(event);
        const step = `${who}: ${name} ${event} at ${offset} of life ${place?.life}, after ${show(reader.at)}`;
        if (!place || place.offset !== offset) return this.wrong(`${step}: the server has it at ${show(place)}`);
        this.delivered++;
        if (life !== undefined && place.life !== life) {
          if (place.life < life) this.wrong(`${step}: of an older server`);
          if (!isNewEpoch) this.wrong(`${step}: another epoch, and nobody said so`);
        }
        if (life === undefined || place.life !== life || isNewEpoch) {
          if (isNewEpoch && place.life === life) this.wrong(`${step}: the epoch is the same, and a new one was told`);
          if (isNewEpoch && offset > 1 && offset > this.#first(name, this.#headIn(name, place.life)))
            this.wrong(`${step}: older ones are still kept`);
          if (!isNewEpoch && next !== undefined && offset !== next) this.wrong(`${step}: ${next} was to come`);
          if (next === undefined && !isNewEpoch) {
            if (others && others.life === place.life && offset <= others.offset)
              this.wrong(`${step}: it was there before this reader`);
            if (floor && floor.life === place.life && offset > floor.offset + 1)
              this.wrong(`${step}: ${floor.offset + 1} was to come first`);
          }
        } else if (offset !== next) this.wrong(`${step}: ${next} was to come`);
        isNewEpoch = false;
        life = place.life;
        next = offset + 1;
        reader.at = place;
      },
      gap: ({ from: gapFrom, to }: Gap): void => {
        this.#heard(`${who} gap ${gapFrom} ${to}`);
        const step = `${who}: ${name} gap ${gapFrom}-${to} after ${show(reader.at)}`;
        if (to === 0) {
          this.reached("a channel's epoch change seen");
          isNewEpoch = true;
          next = undefined;
          if (++epochGaps > this.life + 1) this.wrong(`${step}: more new epochs than servers`);
          return;
        }
        this.reached("a gap told");
        if (gapFrom > to) this.wrong(`${step}: nothing is missing`);
        if (next !== undefined && gapFrom !== next) this.wrong(`${step}: ${next} was to come`);
        // A server that is gone may still be heard.
        const lost = this.#of(name).lives.some((entries, at) => at >= (life ?? 0) && to < this.#first(name, entries.length - 1));
        if (!lost && this.#of(name).maxEntries > 0) this.wrong(`${step}: ${to} is still kept`);
        next = to + 1;
      },
      live: (): void => {
        floor ??= { life: this.life, offset: this.head(name) };
      },
      isEven: (): boolean => reader.at?.life === this.life && reader.at.offset === this.head(name),
    };
    return reader;
  }

  // What writers are told.

  write(event: string): Write {
    if (this.#writes.has(event)) this.wrong(`${event} was written twice by the world itself`);
    const write: { event: string; status?: string; offset?: number | undefined; code?: string | undefined } = { event };
    this.#writes.set(event, write);
    return {
      settled: (status, offset, code) => {
        this.#heard(`${event} ${status} ${offset} ${code}`);
        if (write.status) this.wrong(`${event} settled twice: ${write.status}, then ${status}`);
        Object.assign(write, { status, offset, code });
      },
    };
  }

  /** To be called at the end: what became of every write. */
  judgeWrites(name: string): void {
    const { places } = this.#of(name);
    const newest = new Map<string, number>();
    for (const event of places.keys()) {
      const [writer = "", count] = event.split("#");
      if (Number(count) <= (newest.get(writer) ?? 0)) this.wrong(`${event} was stored after ${writer}#${newest.get(writer)}`);
      newest.set(writer, Number(count));
    }
    for (const { event, status, offset, code } of this.#writes.values()) {
      const place = places.get(event);
      if (!status) this.wrong(`${event} never settled`);
      else if (status === "stored") {
        this.reached("a write stored");
        if (place?.offset !== offset) this.wrong(`${event} was stored at ${offset}, said its receipt; it is at ${show(place)}`);
      } else if (code === "closed" || code === "vanished" || code === "session-lost")
        this.reached(place ? "a write of unknown outcome, stored" : "a write of unknown outcome, lost");
      else if (place) this.wrong(`${event} was rejected with ${code}, and is at ${show(place)}`);
      else this.reached(`a write rejected: ${code}`);
    }
  }
}

function show(place: Place | undefined): string {
  return place ? `${place.life}:${place.offset}` : "nothing";
}

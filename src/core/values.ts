/**
 * Values that JavaScript has no literal for but EDN does. Each is immutable and compared by `equalValues`.
 *
 * Plain objects stand for maps whose keys are all keywords by rule EDN2; `Map`, `Set`, `Date`, `bigint`
 * and `Uint8Array` stand for themselves. An array is a vector, a `List` is a list.
 * Rules: docs/protocol.md, "Values" (the type table).
 */

/** What a keyword and a symbol have in common. */
class Name {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
  toString(): string {
    return this.name;
  }
}

/** `:name` or `:ns/name`; `name` has no colon. */
export class Keyword extends Name {
  override toString(): string {
    return `:${this.name}`;
  }
}

/** A symbol, `name` or `ns/name`. (`Symbol` is JavaScript's.) */
export class Sym extends Name {}

/** What is told by its text. */
class Text {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
  toString(): string {
    return this.text;
  }
}

/** `#uuid "…"`, 36 lower-case characters. */
export class Uuid extends Text {
  constructor(text: string) {
    super(text.toLowerCase());
  }
}

/** One character, `\a`; `text` is one UTF-16 code unit. */
export class Char extends Text {}

/** `1/3`, in lowest terms as it was read. */
export class Ratio {
  readonly numerator: bigint;
  readonly denominator: bigint;
  constructor(numerator: bigint, denominator: bigint) {
    this.numerator = numerator;
    this.denominator = denominator;
  }
  valueOf(): number {
    return Number(this.numerator) / Number(this.denominator);
  }
}

/** `1.5M`; `text` has no `M`. */
export class BigDecimal extends Text {
  override valueOf(): number {
    return Number(this.text);
  }
}

/** `(1 2)`; an array would be a vector. */
export class List {
  readonly items: readonly unknown[];
  constructor(items: readonly unknown[]) {
    this.items = items;
  }
}

/** `#my/tag value` with a tag nobody here knows. */
export class Tagged {
  readonly tag: string;
  readonly value: unknown;
  constructor(tag: string, value: unknown) {
    this.tag = tag;
    this.value = value;
  }
}

/** Shorthand for `new Keyword(name)`. */
export function keyword(name: string): Keyword {
  return new Keyword(name);
}

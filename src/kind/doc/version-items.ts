/**
 * What Yjs documents are made of, as far as versions look into them: without needing the package, as whoever gives one has it.
 *
 * Always: nothing here changes what it looks at.
 * Rules: docs/protocol/doc-versions.md VDOC8, VDOC10, VDOC18.
 */
import { isSame } from "../same.ts";

export interface YItem {
  readonly id: { readonly client: number; readonly clock: number };
  readonly length: number;
  readonly deleted: boolean;
  readonly right: YItem | null;
  readonly content: { getRef(): number };
}

/** A Yjs type, of whatever class. */
export interface YType {
  readonly _start: YItem | null;
  readonly _map: Map<string, YItem>;
  toJSON(): unknown;
}

/** As much of a `Y.Doc` as is read here. */
export interface YDoc {
  readonly share: ReadonlyMap<string, YType>;
  readonly store: {
    readonly clients: Map<number, readonly { readonly id: { readonly clock: number }; readonly length: number }[]>;
  };
}

/** Letters, or values. */
export type Values = string | readonly unknown[];
export type Attributes = Readonly<Record<string, unknown>>;

export function isType(value: unknown): value is YType {
  return typeof value === "object" && value !== null && "_start" in value && "_map" in value;
}

export const refs = { json: 2, binary: 3, string: 4, embed: 5, format: 6, type: 7, any: 8, document: 9 } as const;

/** What an item holds that is not deleted. */
export function valuesOf({ content }: YItem): Values {
  const { str, arr, content: bytes, embed, type, doc } = content as unknown as Readonly<Record<string, unknown>>;
  switch (content.getRef()) {
    case refs.string:
      return str as string;
    case refs.binary:
      return [bytes];
    case refs.embed:
      return [embed];
    case refs.type:
      return [type];
    case refs.document:
      return [doc];
    default:
      // A format where none belongs has none.
      return (arr ?? []) as readonly unknown[];
  }
}

/** They show the same. */
export function isEqual(one: unknown, other: unknown): boolean {
  if (isType(one) && isType(other)) return one.constructor === other.constructor && isSame(plain(one), plain(other));
  return isSame(plain(one), plain(other));
}

/** What a type or subdocument shows, as a plain value; null where Yjs cannot show what somebody put into it. */
export function plain(value: unknown): unknown {
  if (isType(value)) {
    try {
      return "toDelta" in value ? (value as unknown as { toDelta(): unknown }).toDelta() : value.toJSON();
    } catch {
      return null;
    }
  }
  if (typeof value === "object" && value !== null && "guid" in value && "store" in value) return { guid: value.guid };
  return value;
}

/**
 * What a form needs of documents for its fields with `text: true`. It is plugged in, so that forms without such fields load no Yjs.
 *
 * Always: a client has them from when `formTexts` was called with it; a form that needs them and has none says so.
 * Rules: docs/protocol/form.md TEXT1-TEXT9.
 */
import { SyncError } from "../core/errors.ts";
import type { Unsubscribe } from "../core/store.ts";
import type { KindCore } from "./client.ts";
import type { Receipt } from "./receipt.ts";

/** What edits a text needs of an element: `HTMLTextAreaElement` and `HTMLInputElement` have it. */
export interface TextElement {
  value: string;
  readonly selectionStart: number | null;
  readonly selectionEnd: number | null;
  setSelectionRange(start: number, end: number): void;
  addEventListener(name: string, run: (event: KeyboardEvent) => void): void;
  removeEventListener(name: string, run: (event: KeyboardEvent) => void): void;
}

/** The texts of one form. */
export interface FormTexts {
  /** Undefined until it is here. */
  get(field: string): string | undefined;
  /** Makes it that, by the least change. Throws SyncError `loading` until it is here. */
  set(field: string, text: string): void;
  /** The element shows and edits it until called back. */
  bind(field: string, element: TextElement): Unsubscribe;
  /** They are read until called back. */
  use(): Unsubscribe;
}

export interface TextsHost {
  /** The form's. */
  readonly topic: string;
  readonly fields: readonly string[];
  /** Something of a text changed. */
  changed(): void;
  /** It was changed here. */
  typed(field: string, receipt: Receipt): void;
  /** What the form shows for it. */
  shown(field: string): string;
  listen(run: () => void): Unsubscribe;
}

export type MakeTexts = (host: TextsHost) => FormTexts;

const makers = new WeakMap<KindCore, MakeTexts>();

export function plugTexts(core: KindCore, make: MakeTexts): void {
  makers.set(core, make);
}

export function textsOf(core: KindCore, host: TextsHost): FormTexts | undefined {
  if (!host.fields.length) return undefined;
  const make = makers.get(core);
  if (make) return make(host);
  throw new SyncError(
    "unsupported",
    `Field "${host.fields[0]}" of "${host.topic}" merges letter by letter: call \`formTexts(client)\`, of sente-sync/form/text, before the form is used.`,
  );
}

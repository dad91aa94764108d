/**
 * The texts of a form that merge letter by letter: their document, and what it says in the form's tree, where the schema, validators and
 * `onSubmit` see it.
 *
 * Always: the tree follows the document within `mirrorMs`, and at once where somebody is about to look; nobody else writes there.
 * Rules: docs/protocol/form.md TEXT1-TEXT9.
 */
import type { Env, Timer } from "../core/env.ts";
import type { Unsubscribe } from "../core/store.ts";
import { valueIn } from "../kind/form-path.ts";
import { type TextFieldOf, textOfValue, valueOfText } from "../kind/form-text.ts";
import type { Durability } from "../topic/log.ts";
import type { ParamValues } from "./family.ts";
import type { Authorize } from "./grants.ts";

/** A text that is longer is cut. */
export const maxTextLength = 100_000;
/** Each is the whole text, to everybody in the form. */
const mirrorMs = 300;

/** What `sente-sync/form/text/server` gives to `form`: documents, without which a server needs no Yjs. */
export interface FormTexts {
  declare(server: object, target: object, options: FormTextsOptions): TextDocs;
}

export interface FormTextsOptions {
  readonly authorize?: Authorize;
  readonly durability?: Durability;
}

export interface TextDocs {
  open(params: ParamValues): Promise<TextDoc>;
  release(params: ParamValues): void;
  delete(params: ParamValues): void;
}

export interface TextDoc {
  get(field: string): string;
  /** Makes it that, by the least change. */
  set(field: string, text: string): void;
  /** What those texts begin with that never began. */
  begin(texts: ReadonlyMap<string, string>): void;
  /** Something of it was stored. */
  onStored(run: () => void): Unsubscribe;
}

export interface TextsHost {
  readonly env: Env;
  readonly fields: readonly TextFieldOf[];
  /** What the tree has now. */
  value(): unknown;
  /** Writes a field to the tree. */
  write(field: TextFieldOf, value: string | undefined): void;
  report(error: unknown): void;
}

/** The texts of one form that is open. */
export interface Texts {
  /** Brings the tree to what the texts say. */
  gather(): void;
  /** The application wrote to the tree, which was that before: what it changed of the texts goes to them. */
  wrote(before: unknown): void;
  close(): void;
}

export function createTexts({ env, fields, value, write, report }: TextsHost, doc: TextDoc): Texts {
  let timer: Timer | undefined;
  const inTree = (field: TextFieldOf): unknown => valueIn(value(), field.keys);

  const gather = (): void => {
    if (timer !== undefined) env.clearTimer(timer);
    timer = undefined;
    try {
      for (const field of fields) {
        let text = doc.get(field.name);
        if (text.length > maxTextLength) {
          doc.set(field.name, text.slice(0, maxTextLength));
          text = doc.get(field.name);
        }
        const next = valueOfText(text, field);
        if (inTree(field) !== next) write(field, next);
      }
    } catch (error) {
      report(error);
    }
  };
  const stop = doc.onStored(() => {
    timer ??= env.setTimer(gather, mirrorMs);
  });

  doc.begin(new Map(fields.map((field) => [field.name, textOfValue(inTree(field))])));
  gather();
  return {
    gather,
    wrote(before) {
      for (const field of fields) {
        const now = inTree(field);
        if (now !== valueIn(before, field.keys)) doc.set(field.name, textOfValue(now));
      }
    },
    close() {
      stop();
      if (timer !== undefined) env.clearTimer(timer);
    },
  };
}

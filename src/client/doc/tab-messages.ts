/**
 * What tabs say to each other about one document: arrays, as they are cloned from one to another.
 *
 *   [1 "ask" life epoch vector]                               what do I lack?
 *   [1 "answer" life epoch asker vector update [part …]]      that; the answering one is at that vector then
 *   [1 "edit" life epoch nth update]                          was made here
 *   [1 "stored" life nth]                                     of that life all up to there is on the server
 *   [1 "over" life]                                           that document was replaced: nothing of it that is not stored counts
 *   part   [life nth update]                                  what is contained, and not stored
 *
 * A life is one document of one tab, until that is replaced.
 * Always: what is none of these, of this version, is no message.
 * Rules: docs/protocol/doc.md DOC46, DOC49.
 */

/** So many bytes one message has at most. */
export const maxTabBytes: number = 4 * 1024 * 1024;
const maxParts = 1000;
const version = 1;

/** What a tab has that is not stored, as far as it is of one life. */
export interface Part {
  readonly life: string;
  /** The newest edit in it. */
  readonly nth: number;
  readonly update: Uint8Array;
}

interface Of {
  readonly life: string;
  readonly epoch: string;
}

export type TabMessage =
  | (Of & { readonly type: "ask"; readonly vector: Uint8Array })
  | (Of & {
      readonly type: "answer";
      readonly asker: string;
      readonly vector: Uint8Array;
      readonly update: Uint8Array;
      readonly parts: readonly Part[];
    })
  | (Of & { readonly type: "edit"; readonly nth: number; readonly update: Uint8Array })
  | { readonly type: "stored"; readonly life: string; readonly nth: number }
  | { readonly type: "over"; readonly life: string };

export function writeTabMessage(message: TabMessage): unknown {
  const { type, life } = message;
  const head = [version, type, life];
  switch (type) {
    case "ask":
      return [...head, message.epoch, message.vector];
    case "answer": {
      const parts = message.parts.map((part) => [part.life, part.nth, part.update]);
      return [...head, message.epoch, message.asker, message.vector, message.update, parts];
    }
    case "edit":
      return [...head, message.epoch, message.nth, message.update];
    case "stored":
      return [...head, message.nth];
    case "over":
      return head;
  }
}

/** Nothing for what is no message. */
export function readTabMessage(value: unknown): TabMessage | undefined {
  if (!Array.isArray(value) || value[0] !== version) return undefined;
  const [, type, life, third, fourth, fifth, sixth, seventh] = value as unknown[];
  if (!isName(life)) return undefined;
  if (type === "over") return { type, life };
  if (type === "stored") return isCount(third) ? { type, life, nth: third } : undefined;
  if (!isName(third)) return undefined;
  if (type === "ask") return isBytes(fourth) ? { type, life, epoch: third, vector: fourth } : undefined;
  if (type === "edit") {
    return isCount(fourth) && isBytes(fifth) ? { type, life, epoch: third, nth: fourth, update: fifth } : undefined;
  }
  const parts = readParts(seventh);
  if (type !== "answer" || !isName(fourth) || !isBytes(fifth) || !isBytes(sixth) || !parts) return undefined;
  return { type, life, epoch: third, asker: fourth, vector: fifth, update: sixth, parts };
}

function readParts(value: unknown): Part[] | undefined {
  if (!Array.isArray(value) || value.length > maxParts) return undefined;
  const parts: Part[] = [];
  for (const each of value as unknown[]) {
    if (!Array.isArray(each)) return undefined;
    const [life, nth, update] = each as unknown[];
    if (!isName(life) || !isCount(nth) || !isBytes(update)) return undefined;
    parts.push({ life, nth, update });
  }
  return parts;
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= 255;
}
function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0;
}
function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && value.length <= maxTabBytes;
}

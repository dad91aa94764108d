/**
 * One request of a webhook: JSON, signed with a secret, as Hocuspocus' webhook extension signs it.
 *
 * Always: it ends in time, with what became of it and never with an exception; of an answer no more is read than is allowed; the body is
 * sent nowhere but to that URL.
 * Rules: docs/protocol/doc.md DOC59-DOC61.
 */
import { createHmac } from "node:crypto";
import type { Env } from "../../core/env.ts";

export interface WebhookTarget {
  readonly url: string;
  readonly secret: string;
  readonly timeoutMs: number;
  readonly fetch: typeof fetch;
}

export type WebhookOutcome =
  | { readonly isTaken: true; readonly answer: string }
  /** `mayPass`: it may be taken when it is sent again. */
  | { readonly isTaken: false; readonly mayPass: boolean; readonly why: unknown };

/** Of an answer: what it may give is the beginning of a document. */
const maxAnswerBytes = 32 * 1024 * 1024;

/** The value of the header that says who sent it. */
export function signatureOf(body: string, secret: string): string {
  return `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
}

export async function postWebhook(env: Env, target: WebhookTarget, body: string): Promise<WebhookOutcome> {
  const { url, secret, timeoutMs } = target;
  const abort = new AbortController();
  const timer = env.setTimer(() => abort.abort(new Error(`It was not answered within ${timeoutMs} ms.`)), timeoutMs);
  try {
    const response = await target.fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Hocuspocus-Signature-256": signatureOf(body, secret) },
      body,
      redirect: "error",
      signal: abort.signal,
    });
    const answer = await read(response);
    if (response.ok) return { isTaken: true, answer };
    const { status } = response;
    return { isTaken: false, mayPass: status >= 500 || status === 408 || status === 429, why: new Error(`Status ${status}.`) };
  } catch (error) {
    return { isTaken: false, mayPass: true, why: abort.signal.aborted ? abort.signal.reason : error };
  } finally {
    env.clearTimer(timer);
  }
}

async function read({ body }: Response): Promise<string> {
  const reader = body?.getReader();
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for (;;) {
    const next = await reader?.read();
    if (!next || next.done) return Buffer.concat(parts).toString("utf8");
    parts.push(next.value);
    bytes += next.value.length;
    if (bytes <= maxAnswerBytes) continue;
    await reader?.cancel();
    throw new Error(`The answer has more than ${maxAnswerBytes} bytes.`);
  }
}

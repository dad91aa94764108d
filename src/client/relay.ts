/**
 * `relay(client)`: messages to other users, by way of the server and into their inboxes.
 *
 * Always: sending is a write like any other, so it waits for the line, is stored once and has a receipt; who sent it is the server's word.
 * Rules: docs/protocol/inbox.md RELAY1-RELAY7.
 */
import { type RefOrName, topicName, topicOf } from "../core/definitions.ts";
import { randomHex } from "../core/env.ts";
import type { SyncError } from "../core/errors.ts";
import type { AnyEvents, DataArgs, EventInput, EventName, Events, ReplyData } from "../core/events.ts";
import { type ClientAddress, groupPattern, inboxPattern, type MessageExtra } from "../kind/inbox.ts";
import { type Client, coreOf } from "./client.ts";
import { mailOf } from "./mail.ts";
import type { Receipt } from "./receipt.ts";
import { writesOf } from "./writes.ts";

/** A user, there or not; or one client, as a message's `from` names it, while it is connected. */
export type RelayTarget = { readonly user: string } | { readonly client: ClientAddress };
/** The users who read that topic when the server takes the message, but for the sender. */
export type RelayGroup = { readonly topic: RefOrName<string, unknown> };

export interface Relay<E extends Events = AnyEvents> {
  /** `stored` resolves when the receiver's inbox has it; for a topic's readers, when it is certain that theirs will. */
  send<N extends EventName<E>>(target: RelayTarget | RelayGroup, event: N, ...data: DataArgs<E, N>): Receipt;
  /** Sends, and waits for the first answer; rejects with a SyncError, at the latest after `timeoutMs` (5 000). */
  request<N extends EventName<E>>(
    target: RelayTarget,
    event: N,
    data: EventInput<E, N>,
    options?: { readonly timeoutMs?: number },
  ): Promise<ReplyData<E, N>>;
}

export function relay<E extends Events = AnyEvents>(client: Client<E>): Relay<E> {
  const core = coreOf(client);
  const write = (target: RelayTarget, event: string, data: unknown, more?: MessageExtra): Receipt => {
    const { user, replica } = "client" in target ? target.client : { user: target.user, replica: undefined };
    const extra = { ...(replica !== undefined && { to: replica }), ...more };
    const writer = writesOf(core).writer(topicName(inboxPattern, { user }), "inbox");
    const op = [0, event, data ?? null];
    return writer.write(Object.keys(extra).length ? [...op, extra] : op);
  };
  return {
    send(target, event, ...[data]) {
      if (!("topic" in target)) return write(target, event, data);
      const group = topicName(groupPattern, { topic: topicOf(target.topic) });
      return writesOf(core)
        .writer(group, "relay")
        .write([0, event, data ?? null]);
    },
    request: (target, event, data, { timeoutMs = 5000 } = {}) =>
      new Promise((resolve, reject) => {
        const mail = mailOf(client);
        const request = randomHex(core.env, 8);
        mail.expect(request, timeoutMs, (error, answer) => (error ? reject(error) : resolve(answer as never)));
        write(target, event, data, { request }).stored.catch((error: SyncError) => mail.fail(request, error));
      }),
  };
}

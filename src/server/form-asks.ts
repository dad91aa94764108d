/**
 * What clients ask of forms beside writing: who edits what, and submits. One request of a server, for all of its forms.
 *
 * Always: who asks may write to the form; a form that nobody has open counts as a new topic of who asks.
 * Rules: docs/protocol/form.md FORM7; docs/protocol.md GRANT13.
 */
import { SyncError } from "../core/errors.ts";
import { askEvent, type FormAsk, liveTopic, readAsk } from "../kind/form.ts";
import { createBucket, take } from "../tail/bucket.ts";
import type { Connection } from "./connection.ts";
import type { ServerCore } from "./core.ts";
import type { FormHost } from "./form-host.ts";
import { ask as askGrant } from "./grants.ts";
import type { Server } from "./server.ts";
import { checkWay, forbidden } from "./ways-in.ts";

const hosts = new WeakMap<object, Map<string, FormHost>>();

/** By pattern. The first form of a server has it hear what clients ask. */
export function hostsOf(core: ServerCore, server: object): Map<string, FormHost> {
  const known = hosts.get(server);
  if (known) return known;
  const made = new Map<string, FormHost>();
  hosts.set(server, made);
  (server as Server).on(askEvent, ({ data, user, peer }) => {
    const asked = readAsk(data);
    if (!asked) throw new SyncError("invalid", "A form is asked to edit or to submit.");
    const connection = core.users.of(user.id).find(({ id }) => id === peer.id);
    if (!connection) throw new SyncError("invalid", "Forms are asked over a line of one's own.");
    return answer(core, made, asked, connection);
  });
  return made;
}

function answer(core: ServerCore, made: ReadonlyMap<string, FormHost>, asked: FormAsk, connection: Connection) {
  const { topic } = asked;
  const resolved = core.topics.resolve(topic);
  const host = resolved && made.get(resolved.declaration.pattern);
  if (!host) throw new SyncError("not-declared", `No form declares "${topic}".`);
  const { user } = connection;
  return core.ways.walk(user, topic, async (way) => {
    const request = { user, action: "write", kind: "shared", topic, params: resolved.params } as const;
    const isAllowed = await askGrant([core.authorize, host.authorize], request, (error) => core.report(error, topic));
    if (!isAllowed) throw forbidden(topic);
    if (!core.topics.opened(topic)) {
      const nowMs = core.env.monotonicMs();
      connection.newTopics ??= createBucket(core.limits.newTopics, nowMs);
      if (!take(connection.newTopics, nowMs, 1)) throw new SyncError("rate-limited", "Too many new topics in a minute.");
    }
    const open = await host.open(resolved.params);
    const release = core.topics.keep(liveTopic(topic));
    try {
      checkWay(way);
      if (asked.what === "submit") return await open.submits.submit(asked, user, () => checkWay(way));
      return { locked: open.editors.edit(connection, asked.field, asked.lock) };
    } finally {
      release();
    }
  });
}

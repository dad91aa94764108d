/** Somebody who knows an anonymous user's session, which is no secret, and has no token for it: says hello as that session, and writes. */
import { Keyword } from "sente-sync";
import type { Client } from "sente-sync/client";
import { edn } from "sente-sync/packers/edn";
import type { Network, VirtualClock } from "sente-sync/testing";
import { coreOf } from "../../src/client/client.ts";

const packer = edn();

/** `count`: which impostor it is. Its events are `impostor.<count>#1` and so on. */
export function impersonate(
  { clock, network }: { readonly clock: VirtualClock; readonly network: Network },
  victim: Client,
  count: number,
): void {
  const { session, user } = coreOf(victim).facts.welcome ?? {};
  if (session === undefined) return;
  const nowMs = clock.envFor("impostor").nowMs().toString(36);
  const token = `${nowMs}~${nowMs}~00000000~a~${encodeURIComponent((user as { id: string }).id)}~${"0".repeat(32)}`;
  const messages: readonly (readonly [event: string, data: unknown, callback: string | null])[] = [
    ["hello", { v: 1, session, token, binary: false }, "h"],
    ["subscribe", [{ topic: "room", kind: "channel", read: false }], "s"],
    // Whatever number the victim is at, among these is its next one.
    [
      "write",
      [1, 1, Array.from({ length: 100 }, (_, index) => ["said", { id: `impostor.${count}#${index + 1}`, pad: "" }])],
      null,
    ],
  ];
  network.connector("impostor").open(`ws://server/chsk?client-id=impostor${count}&sync=1`, {
    onOpen(transport) {
      let heard = 0;
      transport.handlers = {
        onFrame() {
          const next = messages[heard++];
          if (!next) return;
          const [event, data, callback] = next;
          transport.send({ data: packer.pack([[new Keyword(`sync/${event}`), data], callback]), text: true });
        },
        onClose() {},
      };
    },
    onFail() {},
  });
}

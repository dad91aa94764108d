/** The README's example, as it stands: a visit told by the client comes back as the server's new value. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test, vi } from "vitest";

async function freePort(): Promise<number> {
  const probe = createServer().listen(0);
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}

test("the quick start's client sees its own visit counted by the server", async () => {
  const port = await freePort();
  vi.stubEnv("PORT", String(port));
  vi.stubEnv("SYNC_URL", `ws://localhost:${port}/chsk`);
  const printed = vi.spyOn(console, "log").mockImplementation(() => {});
  const server = await import("../../examples/quick-start/server.ts");
  const { client, live } = await import("../../examples/quick-start/client.ts");
  try {
    await vi.waitFor(() => expect(live.get()).toEqual({ visitors: 1, last: "/pricing" }), { timeout: 40_000 });
    expect(server.live.get()).toEqual({ visitors: 1, last: "/pricing" });
    expect(printed).toHaveBeenLastCalledWith({ visitors: 1, last: "/pricing" });
  } finally {
    client.close();
    await server.sync.close();
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
  }
});

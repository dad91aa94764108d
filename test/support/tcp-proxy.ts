/**
 * A TCP proxy before a real server, for the faults that a network has and a loopback does not: delay, cuts at any
 * byte, and links that are dead in one direction while both ends believe in them.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface TcpProxy {
  readonly port: number;
  readonly connections: number;
  /** How long every chunk waits, in both directions, from now on. */
  delay(ms: number): void;
  /** Both ends of every connection are reset. */
  cut(): void;
  /** Cuts every connection once this many more bytes went through to the client, or to the server. */
  cutAfter(bytes: number, towards: "client" | "server"): void;
  /** What goes towards that side vanishes from now on; nobody is told. */
  halfOpen(towards: "client" | "server"): void;
  /** New connections are reset at once, or no longer. */
  refuse(isRefusing: boolean): void;
  close(): Promise<void>;
}

interface Pipe {
  readonly from: Socket;
  readonly to: Socket;
  isDead: boolean;
  bytesLeft: number;
}

export async function openTcpProxy(targetPort: number): Promise<TcpProxy> {
  const pipes = new Map<Socket, { client: Pipe; server: Pipe }>();
  let delayMs = 0;
  let isRefusing = false;

  const reset = (pipe: Pipe): void => {
    pipe.from.resetAndDestroy();
    pipe.to.resetAndDestroy();
  };
  const forward = (pipe: Pipe, chunk: Buffer): void => {
    if (pipe.isDead || pipe.to.destroyed) return;
    const part = chunk.subarray(0, pipe.bytesLeft);
    pipe.bytesLeft -= part.length;
    if (pipe.bytesLeft > 0) {
      pipe.to.write(part);
    } else {
      // The last bytes go out before the cut: that is what makes it a cut in the middle of a frame.
      pipe.to.end(part, () => reset(pipe));
    }
  };
  const join = (from: Socket, to: Socket): Pipe => {
    const pipe = { from, to, isDead: false, bytesLeft: Number.POSITIVE_INFINITY };
    const later = (run: () => void): unknown => (delayMs ? setTimeout(run, delayMs) : run());
    from.setNoDelay();
    from.on("data", (chunk) => later(() => forward(pipe, chunk)));
    from.on("end", () => later(() => pipe.isDead || to.end()));
    from.on("error", () => {});
    from.on("close", () => {
      if (!pipe.isDead) to.destroy();
    });
    return pipe;
  };

  const server = createServer({ allowHalfOpen: true }, (socket) => {
    if (isRefusing) return void socket.resetAndDestroy();
    const target = connect({ port: targetPort, host: "127.0.0.1", allowHalfOpen: true });
    pipes.set(socket, { server: join(socket, target), client: join(target, socket) });
    socket.on("close", () => pipes.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");

  const cut = (): void => {
    for (const { client } of [...pipes.values()]) reset(client);
  };
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return pipes.size;
    },
    delay(ms) {
      delayMs = ms;
    },
    cut,
    cutAfter(bytes, towards) {
      for (const both of pipes.values()) both[towards].bytesLeft = bytes;
    },
    halfOpen(towards) {
      for (const both of pipes.values()) both[towards].isDead = true;
    },
    refuse(refusing) {
      isRefusing = refusing;
    },
    async close() {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}

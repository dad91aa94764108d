/**
 * What stands between a client and the network: it can be offline, it can swallow a frame of entries (which no honest
 * link does: it is what the position check is for), and it reads along, to count what happens.
 *
 * Always: what it does not swallow passes unchanged, in the same turn.
 */
import type { Connector, Frame, Transport, TransportHandlers } from "../../src/transport/transport.ts";

export interface Middlebox extends Connector {
  /** No connect gets through; what is open stays. */
  offline: boolean;
  /** Frames of entries to lose. */
  toSwallow: number;
}

export interface MiddleboxOptions {
  readonly connector: Connector;
  readonly later: (run: () => void) => void;
  /** A frame that a client sent while it handled `during`. */
  readonly onSend: (frame: string, during: string) => void;
  readonly onFrame: (frame: string) => void;
  readonly onSwallow: () => void;
}

export function createMiddlebox({ connector, later, onSend, onFrame, onSwallow }: MiddleboxOptions): Middlebox {
  const textOf = (data: string | Uint8Array): string => (typeof data === "string" ? data : new TextDecoder().decode(data));

  const wrap = (inner: Transport): Transport => {
    let handled = "";
    let own: TransportHandlers | undefined;
    return {
      name: inner.name,
      get bufferedBytes() {
        return inner.bufferedBytes;
      },
      get handlers() {
        return own as TransportHandlers;
      },
      set handlers(handlers) {
        own = handlers;
        inner.handlers = {
          onFrame(data) {
            const text = textOf(data);
            if (box.toSwallow > 0 && text.includes("sync/entries")) {
              box.toSwallow--;
              return onSwallow();
            }
            onFrame(text);
            handled = text;
            try {
              handlers.onFrame(data);
            } finally {
              handled = "";
            }
          },
          onDrain: () => handlers.onDrain?.(),
          onClose: (code, reason) => handlers.onClose(code, reason),
        };
      },
      send(frame: Frame) {
        onSend(textOf(frame.data), handled);
        return inner.send(frame);
      },
      cork: () => inner.cork(),
      uncork: () => inner.uncork(),
      pause: () => inner.pause(),
      resume: () => inner.resume(),
      close: (code, reason) => inner.close(code, reason),
      terminate: () => inner.terminate(),
    };
  };

  const box: Middlebox = {
    name: connector.name,
    offline: false,
    toSwallow: 0,
    open(url, events) {
      if (!box.offline) return connector.open(url, { onOpen: (inner) => events.onOpen(wrap(inner)), onFail: events.onFail });
      let cancelled = false;
      later(() => {
        if (!cancelled) events.onFail("offline");
      });
      return {
        cancel() {
          cancelled = true;
        },
      };
    },
  };
  return box;
}

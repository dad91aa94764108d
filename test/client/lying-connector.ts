/** A connector between the client and the truth: it can hang, refuse, and keep or change what the server says. */
import type { Connector, Transport } from "../../src/transport/transport.ts";

export interface Lies {
  readonly connector: Connector;
  /** Opens never end. */
  hang: boolean;
  /** Opens fail. */
  refuse: boolean;
  /** What the client hears instead; nothing: it hears nothing. */
  hear(text: string): string | undefined;
  /** Opens asked for, by url. */
  readonly urls: string[];
  /** What the client said, over all lines. */
  readonly said: string[];
  /** The client's ends, the newest last. */
  readonly lines: Transport[];
  /** Breaks the newest line, as a network does. */
  cut(): void;
}

export function createLies(inner: Connector): Lies {
  const lies: Lies = {
    hang: false,
    refuse: false,
    hear: (text) => text,
    urls: [],
    said: [],
    lines: [],
    cut: () => lies.lines.at(-1)?.terminate(),
    connector: {
      name: inner.name,
      open(url, events) {
        lies.urls.push(url);
        if (lies.hang) return { cancel() {} };
        if (lies.refuse) {
          let cancelled = false;
          queueMicrotask(() => cancelled || events.onFail("refused"));
          return { cancel: () => void (cancelled = true) };
        }
        return inner.open(url, {
          onFail: events.onFail,
          onOpen(transport) {
            lies.lines.push(transport);
            events.onOpen(wrap(transport, lies));
          },
        });
      },
    },
  };
  return lies;
}

function wrap(inner: Transport, lies: Lies): Transport {
  return {
    name: inner.name,
    get bufferedBytes() {
      return inner.bufferedBytes;
    },
    get handlers() {
      return inner.handlers;
    },
    set handlers(handlers) {
      inner.handlers = {
        onFrame(data) {
          const heard = lies.hear(data as string);
          if (heard !== undefined) handlers.onFrame(heard);
        },
        onDrain: () => handlers.onDrain?.(),
        onClose: (code, reason) => handlers.onClose(code, reason),
      };
    },
    send(frame) {
      lies.said.push(frame.data as string);
      return inner.send(frame);
    },
    cork: () => inner.cork(),
    uncork: () => inner.uncork(),
    pause: () => inner.pause(),
    resume: () => inner.resume(),
    close: (code, reason) => inner.close(code, reason),
    terminate: () => inner.terminate(),
  };
}

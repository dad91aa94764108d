/**
 * A line to the other tabs of this browser: the platform's BroadcastChannel, or one of the caller's.
 *
 * Always: where there is no page, none is opened: Node has the class too, and would not end while one is open.
 * Rules: docs/protocol/doc.md DOC45.
 */

export interface TabLine {
  post(message: unknown): void;
  close(): void;
}

/** Opens the line of that name: all that others post to it is received, and nothing of one's own. */
export type OpenTabLine = (name: string, receive: (message: unknown) => void) => TabLine;

interface Platform {
  readonly location?: unknown;
  readonly BroadcastChannel?: new (
    name: string,
  ) => {
    onmessage: ((event: { readonly data: unknown }) => void) | null;
    postMessage(message: unknown): void;
    close(): void;
    unref?(): void;
  };
}

/** The platform's own, in pages and workers. */
export function platformTabs(): OpenTabLine | undefined {
  const { location, BroadcastChannel } = globalThis as Platform;
  if (!location || !BroadcastChannel) return undefined;
  return (name, receive) => {
    const channel = new BroadcastChannel(name);
    channel.onmessage = ({ data }) => receive(data);
    // A page that is simulated in Node ends all the same.
    channel.unref?.();
    return {
      post: (message) => channel.postMessage(message),
      close: () => channel.close(),
    };
  };
}

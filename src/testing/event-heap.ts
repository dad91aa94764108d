/**
 * The queue of the virtual clock: a binary heap of what is to run, earliest first.
 *
 * Always: equal times come in the order of `tie`, equal ties in the order they were put in.
 */

export interface HeapEvent {
  readonly atMs: number;
  readonly tie: number;
  readonly order: number;
}

function isBefore(a: HeapEvent, b: HeapEvent): boolean {
  return a.atMs !== b.atMs ? a.atMs < b.atMs : a.tie !== b.tie ? a.tie < b.tie : a.order < b.order;
}

export class EventHeap<E extends HeapEvent> {
  private readonly events: E[] = [];

  peek(): E | undefined {
    return this.events[0];
  }

  push(event: E): void {
    const { events } = this;
    let at = events.length;
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = events[up] as E;
      if (!isBefore(event, parent)) break;
      events[at] = parent;
      at = up;
    }
    events[at] = event;
  }

  pop(): E | undefined {
    const { events } = this;
    const first = events[0];
    const last = events.pop();
    if (last === undefined || events.length === 0) return first;
    let at = 0;
    for (;;) {
      let down = at * 2 + 1;
      if (down >= events.length) break;
      if (down + 1 < events.length && isBefore(events[down + 1] as E, events[down] as E)) down++;
      if (!isBefore(events[down] as E, last)) break;
      events[at] = events[down] as E;
      at = down;
    }
    events[at] = last;
    return first;
  }
}

/**
 * `Live`: one object that is reactive as `live.current` in runes and as `$live` through the store contract.
 *
 * Always: a source is listened to only while an effect that read `current`, or a subscriber, is there; where a getter
 * names the topic, both follow it.
 * Rules: docs/guides/svelte.md.
 */

import type { Ref } from "sente-sync";
import type { Readable, Unsubscribe } from "sente-sync/client";
import { onMount } from "svelte";
import { createSubscriber } from "svelte/reactivity";
import { toStore } from "svelte/store";

export interface Live<T> {
  /** The present value; effects, templates and `$derived` that read it run again when it changes. */
  readonly current: T;
  /** Svelte's store contract: calls `run` at once and on every change. */
  subscribe(run: (value: T) => void): Unsubscribe;
}

/** An argument may be a value, or a function that reads reactive state. */
export type OrGetter<T> = T | (() => T);

/** What `make` makes of the present ref, made anew when its topic changes. */
export function following<R extends Ref | string, T>(ref: OrGetter<R>, make: (ref: R) => T): () => T {
  let topic: string | undefined;
  let made: T;
  return () => {
    const now = typeof ref === "function" ? ref() : ref;
    const name = typeof now === "string" ? now : now.topic;
    if (name !== topic) made = make(now);
    topic = name;
    return made;
  };
}

/** A live value of what `find` makes of the ref. */
export function createLive<T, R extends Ref | string>(ref: OrGetter<R>, find: (ref: R) => Readable<T>): Live<T> {
  const present = following(ref, (now) => {
    const source = find(now);
    return { source, track: createSubscriber((update) => source.listen(update)) };
  });
  const current = (): T => {
    const { source, track } = present();
    track();
    return source.get();
  };
  // Made here, in the component's script: within an effect, Svelte forgets what runs under it when the effect runs again.
  const followed = typeof ref === "function" ? toStore(current) : undefined;
  return {
    get current() {
      return current();
    },
    subscribe: (run) => (followed ?? present().source).subscribe(run),
  };
}

/** Runs `start` for what `present` gives from the mount to the end of this component, and anew when that changes. */
export function whileMounted<T>(present: () => T, start: (of: T) => Unsubscribe): void {
  const store = toStore(present);
  onMount(() => {
    let last: T | undefined;
    let stop: Unsubscribe | undefined;
    const end = store.subscribe((now) => {
      if (now === last) return;
      last = now;
      stop?.();
      stop = start(now);
    });
    return () => {
      end();
      stop?.();
    };
  });
}

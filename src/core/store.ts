/**
 * Readable stores: the contract that makes bindings trivial. `subscribe` calls at once and on every
 * change (Svelte's contract), `listen` on changes only (what React wants).
 *
 * Always: a listener that unsubscribes while being called is not called again; one that throws does not
 * keep the others from being called: its error is thrown after the round.
 */

export type Unsubscribe = () => void;

export interface Readable<T> {
  get(): T;
  /** Calls `run` at once and on every change. */
  subscribe(run: (value: T) => void): Unsubscribe;
  /** Calls `run` on changes only. */
  listen(run: (value: T) => void): Unsubscribe;
}

export interface Writable<T> extends Readable<T> {
  /** Tells the listeners unless `value` is the one held (`Object.is`). */
  set(value: T): void;
}

/** Adds `run`; called back, takes it out. The same function may be added twice, and hears nothing once it was taken out. */
export function addTo<A extends unknown[]>(set: Set<(...args: A) => void>, run: (...args: A) => void): Unsubscribe {
  const listener = (...args: A): void => {
    if (set.has(listener)) run(...args);
  };
  set.add(listener);
  return () => void set.delete(listener);
}

/** Calls each listener with the arguments; throws the first error after all were called. */
export function callAll<A extends unknown[]>(listeners: Iterable<(...args: A) => void>, ...args: A): void {
  const errors: unknown[] = [];
  // A copy: a listener may add or remove listeners while it runs.
  for (const listener of [...listeners]) {
    try {
      listener(...args);
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length) throw errors[0];
}

/** A store that holds `value`. */
export function createStore<T>(value: T): Writable<T> {
  const listeners = new Set<(value: T) => void>();
  const listen = (run: (value: T) => void): Unsubscribe => addTo(listeners, run);
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      callAll(listeners, next);
    },
    listen,
    subscribe(run) {
      run(value);
      return listen(run);
    },
  };
}

/** A store computed from another; it listens only while it is listened to, and tells only when the result changes. */
export function derived<T, R>(source: Readable<T>, select: (value: T) => R): Readable<R> {
  let input: T;
  let output: R;
  let known = false;
  const get = (): R => {
    const next = source.get();
    if (!known || !Object.is(next, input)) {
      input = next;
      output = select(next);
      known = true;
    }
    return output;
  };
  const listen = (run: (value: R) => void): Unsubscribe => {
    let last = get();
    return source.listen(() => {
      const next = get();
      if (Object.is(next, last)) return;
      last = next;
      run(next);
    });
  };
  return {
    get,
    listen,
    subscribe(run) {
      run(get());
      return listen(run);
    },
  };
}

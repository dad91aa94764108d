/**
 * Answers to a subscription, topic by topic: what is not there in time is told when it is, and keeps no other topic waiting.
 *
 * Always: each topic of a request is answered once, in the reply or, where the reply has a number in its place, under that number; a peer
 * that did not say that it takes those has all of it in the reply.
 * Rules: docs/protocol.md SUB1, SUB21, SUB22.
 */
import type { Env } from "../core/env.ts";

/** A reply waits so long for what is slow. */
const lateMs = 20;

/** Resolves when `work` is over, or after so long. */
export function inTime(env: Env, work: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const timer = env.setTimer(resolve, lateMs);
    void work.then(() => {
      env.clearTimer(timer);
      resolve();
    });
  });
}

export interface Answering<T> {
  readonly env: Env;
  /** The peer takes numbers. */
  readonly takesLate: boolean;
  /** A number that this peer was not given before. */
  number(): number;
  /** Answers all; in the place of what is late, its number. */
  reply(found: readonly (T | number)[]): void;
  /** Answers the one of that number. */
  tell(number: number, found: T): void;
}

/** Answers what is looked for; a promise for each, which resolves once that is answered. None of `seeking` rejects. */
export function answerEach<T>(seeking: readonly Promise<T>[], host: Answering<T>): readonly Promise<void>[] {
  const found: (T | undefined)[] = seeking.map(() => undefined);
  const all = Promise.all(
    seeking.map(async (each, index) => {
      found[index] = await each;
    }),
  );
  const numbers: (number | undefined)[] = [];
  const replied = (host.takesLate ? inTime(host.env, all) : all).then(() => {
    for (const each of found) numbers.push(each === undefined ? host.number() : undefined);
    host.reply(found.map((each, index) => each ?? (numbers[index] as number)));
  });
  return seeking.map(async (each, index) => {
    await replied;
    const number = numbers[index];
    if (number !== undefined) host.tell(number, await each);
  });
}

/**
 * Who of several tabs answers another's question: the quickest says all that is missing, the others what that one lacked, or nothing.
 *
 * Always: one question of a tab is open at a time, and at most `maxAsking` of all of them.
 * Rules: docs/protocol/doc.md DOC46.
 */
import type { Env } from "../../core/env.ts";
import type { StateVector } from "../../kind/doc/vector.ts";
import type { Part } from "./tab-messages.ts";

const answerMs = 50;
const maxAsking = 64;

/** What somebody asks for, as far as nobody has answered it. */
export interface Question {
  readonly asker: string;
  /** What it has, with what it was answered. */
  readonly vector: StateVector;
  readonly isAnswered: boolean;
  /** It was told of that. */
  knows(part: Part): boolean;
}

export interface Answers {
  /** Calls `say` in a while. */
  heardAsk(asker: string, vector: ReadonlyMap<number, number>): void;
  /** Another one has answered, who is at that vector. */
  heardAnswer(asker: string, vector: StateVector, parts: readonly Part[]): void;
  clear(): void;
}

interface Open extends Question {
  readonly vector: Map<number, number>;
  readonly told: Set<string>;
  isAnswered: boolean;
}

export function createAnswers(env: Env, say: (question: Question) => void): Answers {
  const questions = new Map<string, Open>();
  return {
    heardAsk(asker, vector) {
      if (questions.has(asker) || questions.size >= maxAsking) return;
      const told = new Set<string>();
      const question: Open = { asker, vector: new Map(vector), told, isAnswered: false, knows: (part) => told.has(nameOf(part)) };
      questions.set(asker, question);
      env.setTimer(() => {
        if (questions.get(asker) !== question) return;
        questions.delete(asker);
        say(question);
      }, env.random() * answerMs);
    },
    heardAnswer(asker, vector, parts) {
      const question = questions.get(asker);
      if (!question) return;
      question.isAnswered = true;
      for (const [client, clock] of vector) {
        if (clock > (question.vector.get(client) ?? 0)) question.vector.set(client, clock);
      }
      for (const part of parts) question.told.add(nameOf(part));
    },
    clear: () => questions.clear(),
  };
}

function nameOf({ life, nth }: Part): string {
  return `${life} ${nth}`;
}

/** Something is in it that is not in the other. */
export function exceeds(vector: StateVector, other: StateVector): boolean {
  for (const [client, clock] of vector) if (clock > (other.get(client) ?? 0)) return true;
  return false;
}

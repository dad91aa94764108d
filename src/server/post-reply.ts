/**
 * Stands in a callback's place for a request that came by a post of a plain Sente client: the answer goes to that post.
 * Rules: docs/protocol/ajax.md AJAX6.
 */
export class PostReply {
  readonly #answer: (value: unknown) => void;
  #answered = false;

  constructor(answer: (value: unknown) => void) {
    this.#answer = answer;
  }

  /** The first answer counts. */
  answer(value: unknown): void {
    if (this.#answered) return;
    this.#answered = true;
    this.#answer(value);
  }
}

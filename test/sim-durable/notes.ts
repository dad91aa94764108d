/** What one history found wrong, and which rare states it reached. */
export class Notes {
  readonly findings: string[] = [];
  readonly states: Record<string, number> = {};
  /** Values and events told to readers. */
  delivered = 0;
  /** Writes answered as stored. */
  stored = 0;

  wrong(what: string): void {
    this.findings.push(what);
  }

  reached(state: string, times = 1): void {
    if (times > 0) this.states[state] = (this.states[state] ?? 0) + times;
  }

  /** Ends the history at the first finding. */
  judge(): void {
    if (this.findings[0] !== undefined) throw new Error(this.findings[0]);
  }
}

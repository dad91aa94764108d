/** What the page looks like, apart from what it reads. */
import type { CSSProperties } from "react";
import { type PeerCard, step } from "./contract.ts";
import type { Found, Reading } from "./reading.ts";

const number = (value: number): string => value.toLocaleString("en");

export const nameOf = (id: string, me: string | undefined): string =>
  id === "child" ? "The child process" : id === me ? "This window" : `Window ${id.slice(5)}`;

/** The same colour in every window: one for the child, one far from it for each of the others, by the name, which stands beside it. */
const tones = [1, 2, 4, 5, 6, 7, 10, 12];
const toneOf = (id: string): CSSProperties => {
  const tone = id === "child" ? 3 : tones[Number.parseInt(id.slice(5), 16) % tones.length];
  return { "--tone": `var(--tone-${tone ?? 10})` } as CSSProperties;
};

export const Name = ({ id, me }: { id: string; me: string | undefined }) => (
  <span className="name" style={toneOf(id)}>
    {nameOf(id, me)}
  </span>
);

/** A peer's state, in the look of the line's badge. */
export function State({ peer }: { peer: PeerCard }) {
  const [state, word] = peer.isWorking ? ["working", "Working"] : peer.isHere ? ["connected", "Here"] : ["reconnecting", "Away"];
  return (
    <span className="badge" data-state={state}>
      <span className="dot" />
      {word}
    </span>
  );
}

/** How far it has read, by its own report. */
export function hasRead({ last, missing }: PeerCard, { last: newest }: Reading): string {
  if (missing) return `${number(missing)} lines missing`;
  if (!newest) return "No line to read yet";
  return last < newest ? `Has read ${number(last)} of ${number(newest)} lines` : `Has read all ${number(newest)} lines`;
}

export function Counter({ reading, primes }: { reading: Reading; primes: number }) {
  const { first, last, missing } = reading;
  return (
    <p id="counter" className="counter" data-first={first} data-last={last} data-missing={missing}>
      {last ? `${number(last)} ${last === 1 ? "line" : "lines"}, ${number(missing)} missing, ` : "No line yet, "}
      <strong id="primes">{number(primes)}</strong> primes
    </p>
  );
}

const rows = 10;

/** The newest lines. There are as many rows from the start, so nothing moves when a line comes. */
export function Lines({ lines, me }: { lines: readonly Found[]; me: string | undefined }) {
  return (
    <section className="card lines" aria-label="Lines">
      <table>
        <thead>
          <tr>
            <th>Line</th>
            <th>Found by</th>
            <th>Numbers from</th>
            <th>Primes</th>
            <th>Known till then</th>
          </tr>
        </thead>
        <tbody>
          {Array.from({ length: rows }, (_, row) => {
            const line = lines[row];
            // biome-ignore lint/suspicious/noArrayIndexKey: rows are places, and lines go through them
            if (!line) return <Empty key={row} isFirst={row === 0} />;
            const { offset, by, from, primes, known } = line;
            return (
              // biome-ignore lint/suspicious/noArrayIndexKey: as above
              <tr key={row} data-offset={offset} data-by={by} title={`${number(from)} to ${number(from + step - 1)}`}>
                <td>{number(offset)}</td>
                <td>
                  <Name id={by} me={me} />
                </td>
                <td>{number(from)}</td>
                <td>{number(primes)}</td>
                <td>{number(known)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </section>
  );
}

const Empty = ({ isFirst }: { isFirst: boolean }) => (
  <tr>
    <td>{isFirst ? "–" : ""}</td>
    <td className="dim">{isFirst && "Set somebody to work"}</td>
    <td />
    <td />
    <td />
  </tr>
);

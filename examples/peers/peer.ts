/**
 * What every peer does: it reads all lines, searches for primes when it is asked to, and reports how far it is.
 * The page and the child process run this same file.
 */
import { atom, type Client, channel } from "sente-sync/client";
import { board, type events, lines, step } from "./contract.ts";
import { nothingRead, type Reading, withGap, withLine } from "./reading.ts";

const rounds = 5;
const pauseMs = 400;
/** A report for each line would be many. */
const reportEveryMs = 100;

// #region peer
/** Takes part until called back; `onReading` is told what it has read. */
export function takePart(client: Client<typeof events>, onReading: (reading: Reading) => void = () => {}): () => void {
  const shared = atom(client, board);
  const log = channel(client, lines);
  let reading = nothingRead;
  let isWorking = false;
  let reporting: ReturnType<typeof setTimeout> | undefined;

  const report = (): void => {
    reporting = undefined;
    const { transport = "" } = client.status.get();
    client.send("peers/report", { transport, isWorking, last: reading.last, missing: reading.missing });
  };
  const changed = (): void => {
    reporting ??= setTimeout(report, reportEveryMs);
  };
  const read = (next: Reading): void => {
    reading = next;
    onReading(next);
    changed();
  };
  const work = async (): Promise<void> => {
    if (isWorking) return;
    isWorking = true;
    changed();
    try {
      for (let round = 0; round < rounds; round++) {
        const from = await client.request("peers/take", undefined);
        const by = client.user.get()?.id ?? "";
        const known = shared.get()?.primes ?? 0;
        await log.publish("found", { by, from, primes: countPrimes(from, from + step), known }).stored;
        await new Promise((done) => setTimeout(done, pauseMs));
      }
    } catch {
      // The line was lost: who asked sees it, and may ask again.
    } finally {
      isWorking = false;
      changed();
    }
  };

  const stops = [
    shared.subscribe(() => {}), // holds the board, as long as this peer takes part
    log.subscribe((line) => read(withLine(reading, line)), {
      from: 1, // everything that is still kept, then every new line
      onGap: (gap) => read(withGap(reading, gap)),
    }),
    client.on("peers/work", () => void work()),
    client.status.subscribe(({ name }) => name === "connected" && changed()),
  ];
  return () => {
    clearTimeout(reporting);
    for (const stop of stops) stop();
  };
}
// #endregion

/** How many primes there are from `from` on and below `to`. */
export function countPrimes(from: number, to: number): number {
  let count = 0;
  for (let number = from; number < to; number++) if (isPrime(number)) count++;
  return count;
}

function isPrime(number: number): boolean {
  if (number < 4) return number > 1;
  if (number % 2 === 0) return false;
  for (let divisor = 3; divisor * divisor <= number; divisor += 2) if (number % divisor === 0) return false;
  return true;
}

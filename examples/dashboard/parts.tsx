/** What the React page looks like, apart from what it reads. */
import { useEffect, useRef } from "react";
import { useTopicStatus } from "sente-sync/react";
import { type Chart, createChart } from "../shared/chart.ts";
import type { Card } from "./charts.ts";
import { type Figures, points } from "./contract.ts";
import { described, type History, type Row } from "./history.ts";

export function Counter({ history }: { history: History }) {
  const { first, last, received, missing, doubled, restarts } = history;
  const data = { "data-first": first, "data-last": last, "data-received": received, "data-missing": missing };
  return (
    <p id="counter" className="counter" {...data} data-doubled={doubled} data-restarts={restarts}>
      {described(history)}
    </p>
  );
}

export function Curve({ card, rows }: { card: Card; rows: readonly Row[] }) {
  const element = useRef<HTMLDivElement>(null);
  const chart = useRef<Chart<Figures>>(undefined);
  const isRefused = useTopicStatus(points) === "refused";
  useEffect(() => {
    chart.current = createChart(element.current as HTMLElement, card);
    return () => chart.current?.close();
  }, [card]);
  useEffect(() => chart.current?.set(rows), [rows]);
  return (
    <>
      <div ref={element} className="chart" />
      {rows.length === 0 && (
        <p className="waiting">{isRefused ? "The server does not give these" : "Waiting for the first point"}</p>
      )}
    </>
  );
}

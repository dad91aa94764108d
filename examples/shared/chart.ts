/**
 * A chart of values over time, drawn by uPlot in the colours of the page: one call to make it, one to give it rows.
 *
 * Always: a row marked `gap` is a hole in every curve and a band behind them; the element's size does not change.
 */
import uPlot from "uplot";

export interface Curve<Row> {
  readonly label: string;
  /** Name of a custom property of the style sheet. */
  readonly color: string;
  readonly value: (row: Row) => number;
  readonly filled?: boolean;
  readonly stepped?: boolean;
}

export interface ChartOptions<Row> {
  readonly title: string;
  readonly unit: string;
  readonly curves: readonly Curve<Row>[];
  readonly leastTop: number;
}

type TimedRow<Row> = (Row & { readonly atMs: number; readonly gap?: false }) | { readonly atMs: number; readonly gap: true };

export interface Chart<Row> {
  set(rows: readonly TimedRow<Row>[]): void;
  close(): void;
}

const leastSpanS = 30;
const dark = matchMedia("(prefers-color-scheme: dark)");
const themed = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const clock = (atS: number): string => new Date(atS * 1000).toLocaleTimeString("en-GB");
const shown = (value: number): string => value.toLocaleString("en", { maximumFractionDigits: value < 100 ? 1 : 0 });

export function createChart<Row>(element: HTMLElement, { title, unit, curves, leastTop }: ChartOptions<Row>): Chart<Row> {
  let rows: readonly TimedRow<Row>[] = [];
  const axis: uPlot.Axis = {
    stroke: () => themed("--ink-2"),
    font: `12px ${getComputedStyle(element).fontFamily}`,
    ticks: { show: false },
    grid: { stroke: () => themed("--line"), width: 1 },
  };
  const plot = new uPlot(
    {
      width: element.clientWidth,
      height: element.clientHeight,
      legend: { show: false },
      padding: [8, 24, 0, 0],
      cursor: { y: false, drag: { setScale: false }, sync: { key: "rows" }, points: { size: 7 } },
      scales: {
        x: { range: (_plot, min, max) => [Math.min(min, max - leastSpanS), max] },
        y: { range: (_plot, _min, max) => [0, Math.max(leastTop, (max ?? 0) * 1.15)] },
      },
      axes: [
        { ...axis, grid: { show: false }, size: 28, space: 88, values: (_plot, splits) => splits.map(clock) },
        { ...axis, size: 44, space: 32, values: (_plot, splits) => splits.map(shown) },
      ],
      series: [{}, ...curves.map(series)],
      hooks: { drawClear: [(drawn) => drawGaps(drawn, rows)], setCursor: [(drawn) => tell(drawn.cursor.idx)] },
    },
    [[], ...curves.map(() => [])],
    element,
  );
  const tip = document.createElement("p");
  tip.className = "tip";
  element.append(tip);

  /** The values under the pointer. */
  const tell = (index: number | null | undefined): void => {
    const row = index === null || index === undefined ? undefined : rows[index];
    if (!row) return void (tip.textContent = "");
    const values = row.gap ? ["no points"] : curves.map(({ label, value }) => `${label} ${shown(value(row))} ${unit}`);
    tip.textContent = [clock(row.atMs / 1000), ...values].join(" · ");
  };

  const resized = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: element.clientHeight }));
  resized.observe(element);
  const recolored = (): void => plot.redraw(false);
  dark.addEventListener("change", recolored);
  element.setAttribute("role", "img");
  element.setAttribute("aria-label", `${title}: no values yet`);

  return {
    set(next) {
      rows = next;
      const columns = curves.map(({ value }) => rows.map((row) => (row.gap ? null : value(row))));
      plot.setData([rows.map(({ atMs }) => atMs / 1000), ...columns]);
      const values = (columns.at(-1) ?? []).filter((value) => value !== null);
      const now = values.at(-1);
      if (now === undefined) return;
      const gaps = rows.filter(({ gap }) => gap).length;
      const words = [`${title}: now ${shown(now)} ${unit}`, `at most ${shown(Math.max(...values))}`, `${values.length} points`];
      element.setAttribute("aria-label", [...words, ...(gaps ? [`${gaps} ${gaps === 1 ? "gap" : "gaps"}`] : [])].join(", "));
    },
    close() {
      resized.disconnect();
      dark.removeEventListener("change", recolored);
      plot.destroy();
      tip.remove();
    },
  };
}

function series<Row>({ label, color, filled, stepped }: Curve<Row>): uPlot.Series {
  return {
    label,
    stroke: () => themed(color),
    width: filled ? 2 : 1.25,
    points: { show: false },
    spanGaps: false,
    ...(filled ? { fill: (plot: uPlot) => fade(plot, themed(color)) } : {}),
    ...(stepped && uPlot.paths.stepped ? { paths: uPlot.paths.stepped({ align: 1 }) } : {}),
  };
}

function fade(plot: uPlot, color: string): CanvasGradient {
  const { top, height } = plot.bbox;
  const gradient = plot.ctx.createLinearGradient(0, top, 0, top + height);
  gradient.addColorStop(0, `${color}3d`);
  gradient.addColorStop(1, `${color}14`);
  return gradient;
}

/** A band from the last row before each gap to the first after it. */
function drawGaps(plot: uPlot, rows: readonly { readonly atMs: number; readonly gap?: boolean }[]): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.fillStyle = `${themed("--danger")}26`;
  for (const [index, { atMs, gap }] of rows.entries()) {
    if (!gap) continue;
    const from = plot.valToPos(atMs / 1000, "x", true);
    const until = plot.valToPos((rows[index + 1]?.atMs ?? atMs) / 1000, "x", true);
    ctx.fillRect(from, bbox.top, Math.max(2, until - from), bbox.height);
  }
  ctx.restore();
}

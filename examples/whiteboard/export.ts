/** The drawing as a file: SVG, and PNG by a canvas. What is on the file is in the light colours, whatever the screen's are. */
import type { Shape } from "./contract.ts";
import { drawShape, light, type Theme } from "./draw.ts";
import { type Box, grown, union } from "./geometry.ts";
import { fontFamily, linesOf, type Measure, notePadding, svgOutline } from "./outline.ts";
import { boundsOf, lineHeight, pointsOf, type Written } from "./shapes.ts";

const margin = 24;
const maxPixels = 8192;

const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (char) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[char] as string);

/** What is on the file. */
export const pageOf = (shapes: readonly Shape[]): Box => grown(union(shapes.map(boundsOf)) ?? [0, 0, 100, 100], margin);

function svgText(shape: Written, x: number, y: number, fill: string, measure: Measure): string {
  const { size, lines } = linesOf(shape, measure);
  const spans = lines.map((line, at) => `<tspan x="${x}" y="${y + (at + 0.5) * size * lineHeight}">${escaped(line)}</tspan>`);
  const weight = shape.kind === "text" ? 600 : 500;
  return `<text font-size="${size}" font-weight="${weight}" fill="${fill}" dominant-baseline="central">${spans.join("")}</text>`;
}

// #region svg
function svgShape(shape: Shape, { pen, note, letters }: Theme, measure: Measure): string {
  const [x, y, width, height] = shape.box;
  const color = pen[shape.color];
  const lined = `fill="${color}" fill-opacity="0.1" stroke="${color}" stroke-width="3"`;
  switch (shape.kind) {
    case "stroke":
      return `<path transform="translate(${x} ${y})" fill="${color}" d="${svgOutline(pointsOf(shape))}"/>`;
    case "rectangle":
      return `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="${Math.min(8, width / 4, height / 4)}" ${lined}/>`;
    case "ellipse":
      return `<ellipse cx="${x + width / 2}" cy="${y + height / 2}" rx="${width / 2}" ry="${height / 2}" ${lined}/>`;
    case "text":
      return svgText(shape, x, y, color, measure);
    case "note": {
      const paper = `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="6" fill="${note[shape.color]}"/>`;
      return paper + svgText(shape, x + notePadding, y + notePadding, letters, measure);
    }
  }
}

/** From back to front. */
export function toSvg(shapes: readonly Shape[], measure: Measure, theme: Theme = light): string {
  const page = pageOf(shapes);
  const [x, y, width, height] = page;
  const body = shapes.map((shape) => svgShape(shape, theme, measure)).join("\n");
  const font = escaped(fontFamily);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${page.join(" ")}" width="${width}" height="${height}" font-family="${font}">
<rect x="${x}" y="${y}" width="${width}" height="${height}" fill="${theme.ground}"/>
${body}
</svg>
`;
}
// #endregion

/** With two pixels to a unit, as far as a canvas is so large. */
export async function toPng(shapes: readonly Shape[], theme: Theme = light): Promise<Blob> {
  const [x, y, width, height] = pageOf(shapes);
  const scale = Math.min(2, maxPixels / width, maxPixels / height);
  const canvas = document.createElement("canvas");
  canvas.width = Math.ceil(width * scale);
  canvas.height = Math.ceil(height * scale);
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  context.fillStyle = theme.ground;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.setTransform(scale, 0, 0, scale, -x * scale, -y * scale);
  for (const shape of shapes) drawShape(context, shape, theme);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("This drawing is too large for a picture."))), "image/png");
  });
}

/** Measures as the canvas does. */
export function measureWithCanvas(): Measure {
  const context = document.createElement("canvas").getContext("2d") as CanvasRenderingContext2D;
  return (text, font) => {
    context.font = font;
    return context.measureText(text).width;
  };
}

/** Lets the browser keep it as a file. */
export function save(name: string, blob: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

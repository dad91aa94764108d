/**
 * Random bytes, drawn from the platform by the page: asking it for eight at a time costs more than all else of an id.
 *
 * Always: no byte is handed out twice, and what is handed out is not kept.
 */
const pageBytes = 4096;

export function pooledRandom(draw: (length: number) => Uint8Array): (length: number) => Uint8Array {
  let page: Uint8Array = new Uint8Array(0);
  let at = 0;
  return (length) => {
    if (length > pageBytes) return draw(length);
    if (at + length > page.length) {
      page = draw(pageBytes);
      at = 0;
    }
    const taken = page.slice(at, at + length);
    page.fill(0, at, at + length);
    at += length;
    return taken;
  };
}

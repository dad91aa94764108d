/** What a page's pictures do not tell: which controls a screen reader has no name for, and which text is too pale to be read. */
import type { Page } from "playwright-core";

const named = new Set([
  "button",
  "link",
  "textbox",
  "combobox",
  "checkbox",
  "application",
  "dialog",
  "navigation",
  "region",
  "img",
]);
const leastContrast = 4.5;

/** Roles of what a person can use or go to, and that has no name, as Chromium tells it to a screen reader. */
export async function namelessIn(page: Page): Promise<string[]> {
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send("Accessibility.getFullAXTree");
  await session.detach();
  return nodes.flatMap(({ ignored, role, name }) =>
    !ignored && named.has(String(role?.value)) && !name?.value ? [String(role?.value)] : [],
  );
}

/** Texts with less contrast to their ground than WCAG asks of small text; what is disabled may be pale. */
export const paleIn = (page: Page): Promise<string[]> =>
  page.evaluate((leastContrast) => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true }) as CanvasRenderingContext2D;
    /** Any colour that CSS knows, laid over what is below. */
    const laid = (color: string, below: string): string => {
      canvas.fillStyle = below;
      canvas.fillRect(0, 0, 1, 1);
      canvas.fillStyle = color;
      canvas.fillRect(0, 0, 1, 1);
      return `rgb(${[...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).join(" ")})`;
    };
    const luminance = (color: string): number => {
      const [red = 0, green = 0, blue = 0] = (color.match(/\d+/g) ?? []).map((part) => {
        const share = Number(part) / 255;
        return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const grounds = new Map<Element | null, string>([[null, "rgb(255 255 255)"]]);
    const groundOf = (element: Element | null): string => {
      const ground =
        grounds.get(element) ??
        laid(getComputedStyle(element as Element).backgroundColor, groundOf((element as Element).parentElement));
      grounds.set(element, ground);
      return ground;
    };

    const pale = new Set<string>();
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const text = texts.currentNode.textContent?.trim() ?? "";
      const element = texts.currentNode.parentElement as Element;
      if (!text || !element.checkVisibility({ visibilityProperty: true }) || element.closest(":disabled, svg")) continue;
      const ground = groundOf(element);
      const color = laid(getComputedStyle(element).color, ground);
      const [least = 0, most = 0] = [luminance(color), luminance(ground)].sort((one, other) => one - other);
      if ((most + 0.05) / (least + 0.05) < leastContrast) pale.add(`${text.slice(0, 30)}: ${color} on ${ground}`);
    }
    return [...pale];
  }, leastContrast);

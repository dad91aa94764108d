/** Puts a button on each block of code in a guide, which copies it; where a page may not write to the clipboard there is none. */
const shownMs = 2000;

for (const pre of navigator.clipboard ? document.querySelectorAll<HTMLElement>(".prose pre") : []) {
  const block = document.createElement("div");
  block.className = "block";
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.ariaLive = "polite";
  const say = (word: string): void => void (button.textContent = word);
  button.addEventListener("click", () => {
    navigator.clipboard.writeText(pre.textContent ?? "").then(
      () => say("Copied"),
      () => say("Not copied"),
    );
    setTimeout(say, shownMs, "Copy");
  });
  pre.replaceWith(block);
  block.append(pre, button);
}

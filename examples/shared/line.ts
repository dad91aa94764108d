/**
 * The line in a page's header: what state it is in, and buttons that make trouble for it. The header itself is in
 * the page's HTML, so nothing jumps when this comes to life.
 *
 * The buttons ask the gallery's server, over HTTP because the line may be down: the socket is really cut, slowed or
 * refused, and the client knows nothing of it.
 */
import type { Client, ClientStatus, ClientStatusName } from "sente-sync/client";

const words: Record<ClientStatusName, string> = {
  initial: "Connecting",
  connecting: "Connecting",
  connected: "Connected",
  reconnecting: "Reconnecting",
  disconnected: "Offline",
  "needs-auth": "Sign in again",
  failed: "Connection failed",
  closed: "Closed",
};

/** Where a person may want to try at once. */
const retried: ReadonlySet<ClientStatusName> = new Set(["reconnecting", "disconnected", "needs-auth", "failed"]);

/** What the server is asked for, and what to say about it. */
const troubles: Record<string, string> = {
  cut: "Cut. It comes back by itself and asks for what it missed.",
  offline: "Nothing gets through for 5 seconds; what is missed comes after.",
  slow: "Every message takes 400 ms longer now, each way.",
  fast: "The line is as fast as before.",
  kill: "Killed without warning. What was stored is there when the next process serves.",
  restart: "The server starts anew: its memory is gone, what it had on its disk is not.",
};

const find = (id: string): HTMLElement => document.getElementById(id) as HTMLElement;

/** Shows the state of the client's line until called back. */
export function showLine(client: Pick<Client, "status" | "clientId" | "connect">): () => void {
  const [badge, name, detail, again] = ["line", "line-name", "line-detail", "line-again"].map(find) as [
    HTMLElement,
    HTMLElement,
    HTMLElement,
    HTMLElement,
  ];
  let countdown: ReturnType<typeof setInterval> | undefined;

  const count = ({ retryAtMs }: ClientStatus): void => {
    const leftS = retryAtMs === undefined ? 0 : Math.ceil((retryAtMs - Date.now()) / 1000);
    detail.textContent = leftS > 0 ? `in ${leftS} s` : "";
  };
  const stopStatus = client.status.subscribe((status) => {
    clearInterval(countdown);
    badge.dataset["state"] = document.documentElement.dataset["line"] = status.name;
    badge.title = status.reason ? `Because: ${status.reason}` : "";
    // A live region tells every change of it: the seconds stand outside.
    if (name.textContent !== words[status.name]) name.textContent = words[status.name];
    again.hidden = !retried.has(status.name);
    count(status);
    if (status.retryAtMs !== undefined) countdown = setInterval(count, 250, status);
  });

  const listening = new AbortController();
  const { signal } = listening;
  again.addEventListener("click", () => client.connect(), { signal });
  for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-trouble]")) {
    button.addEventListener("click", () => void cause(button, client.clientId), { signal });
  }
  return () => {
    clearInterval(countdown);
    stopStatus();
    listening.abort();
  };
}

async function cause(button: HTMLButtonElement, clientId: string): Promise<void> {
  const { trouble = "" } = button.dataset;
  const isPressed = button.getAttribute("aria-pressed") === "true";
  const wanted = trouble === "slow" && isPressed ? "fast" : trouble;
  const told = find("told");
  try {
    const { pathname } = location;
    const body = JSON.stringify({ clientId, page: pathname });
    const answer = await fetch(`/trouble/${wanted}`, { method: "POST", headers: { "content-type": "application/json" }, body });
    if (!answer.ok) throw new Error(await answer.text());
    told.textContent = troubles[wanted] ?? "";
    if (trouble === "slow") button.setAttribute("aria-pressed", String(!isPressed));
  } catch {
    told.textContent = "The gallery's server does not answer; is it still running?";
  }
}

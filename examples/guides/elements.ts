/** The script of the guide "Web components": the tags, and an element of its own. */
// #region define
import { defineElements } from "sente-sync/element";

defineElements();

// #endregion

// #region own
import { store, type Unsubscribe } from "sente-sync/client";
import { SenteElement } from "sente-sync/element";
import { todos } from "./elements-contract.ts";

class TodoList extends SenteElement {
  static override readonly observedAttributes = ["done"];
  static override readonly styles = "li { color: teal } :host { display: block }";

  protected override start(client: object): Unsubscribe {
    const list = document.createElement("ul");
    this.root.append(document.createElement("slot"), list);
    const handle = store(client, todos);
    const show = (): void => {
      const items = (handle.get()?.items ?? []).filter(({ done }) => done === this.hasAttribute("done"));
      list.replaceChildren(...items.map(({ text }) => Object.assign(document.createElement("li"), { textContent: text })));
    };
    const ends = [this.follow(handle), handle.subscribe(show)];
    return () => {
      for (const end of ends) end();
      this.root.replaceChildren();
    };
  }
}
customElements.define("todo-list", TodoList);
// #endregion

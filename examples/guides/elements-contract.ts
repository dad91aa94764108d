/** The store of the guide "Web components". */
import { defineStore } from "sente-sync";

const noItems: { items: { text: string; done: boolean }[] } = { items: [] };

export const todos = defineStore("todos", {
  initial: noItems,
  mutations: {
    add({ items }, text: string) {
      items.push({ text, done: false });
    },
  },
});

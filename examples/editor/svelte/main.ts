/** Mounts the Svelte page. */
import { mount } from "svelte";
import Editor from "./editor.svelte";

mount(Editor, { target: document.getElementById("page") as HTMLElement });

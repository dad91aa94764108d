/** Mounts the Svelte page. */
import { mount } from "svelte";
import App from "./app.svelte";

mount(App, { target: document.getElementById("page") as HTMLElement });
